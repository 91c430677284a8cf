/* SPDX-License-Identifier: MIT */
#pragma once

/* Proving the TPM: a certificate for the AK from the attestation server. */
#include "enroll/attest-client.h"
#include "shared/tpm-attest.h"
#include "shared/tpm-ek.h"

typedef struct AttestationKey {
        TpmKey key;
        TpmStatement proof;    /* of its creation */
        Bytes creation_data;
} AttestationKey;

void attestation_key_done(AttestationKey *a);
#define _cleanup_attestation_key_ _cleanup_(attestation_key_done)

/* ret: the AK's chain, leaf first. */
int attest(TpmDevice *t, Https *h, const char *base_url, const TpmEk *ek, const AttestationKey *ak, Chain *ret,
           Failure *f);
/* After OUTCOME_WAITING: the words that a person compares, and types. */
void attest_explain_waiting(const TpmEk *ek, const char *name, Failure *f);
/* After OUTCOME_UNKNOWN_DEVICE: which device this is, and what the administrator can look at. */
void attest_explain_refused(const TpmEk *ek, Failure *f);
