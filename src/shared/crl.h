/* SPDX-License-Identifier: MIT */
#pragma once

/* A certificate revocation list (RFC 5280, section 5) of one issuer. By libcrypto: GnuTLS has no words for the reason
 * of an entry. */
#include <gnutls/abstract.h>

#include "protocol/issued-record.h"

typedef struct CrlTerms {
        uint64_t number;
        int64_t this_update, next_update; /* seconds since the epoch */
} CrlTerms;

/* Version 2, signed with SHA-256, with CRL number and authority key identifier. issuer: its certificate, DER; -EINVAL:
 * it does not read. list: its certificates. ret: DER. */
int crl_sign(ByteView issuer, gnutls_privkey_t key, const CrlTerms *terms, const Revocation *list, size_t n,
             Bytes *ret);
