/* SPDX-License-Identifier: MIT */
#pragma once

/* What an ACME client sends: the payloads that jws_sign() wraps. */
#include "shared/bytes.h"

#define ACME_IDENTIFIER_PERMANENT "permanent-identifier"
#define ACME_IDENTIFIER_MAX 256U /* bytes of the name that is ordered */

typedef struct AcmeNewAccount {
        bool only_return_existing;   /* alone in its request */
        bool terms_agreed;
        ByteView external_account_binding; /* of jws_external_account_binding(), or empty */
} AcmeNewAccount;

int acme_new_account_build(const AcmeNewAccount *a, Bytes *ret);
/* One permanent-identifier. Times in seconds since the epoch, 0: left to the server. */
int acme_new_order_build(const char *name, int64_t not_before, int64_t not_after, Bytes *ret);
int acme_challenge_response_build(ByteView attestation_object, Bytes *ret);
int acme_finalize_build(ByteView csr, Bytes *ret);
int acme_revoke_build(ByteView certificate, int reason, Bytes *ret); /* reason below 0: none */
