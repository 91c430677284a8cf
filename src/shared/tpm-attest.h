/* SPDX-License-Identifier: MIT */
#pragma once

/* What a TPM says about its keys: TPM 2.0 Part 3, CertifyCreation, Certify, ActivateCredential. */
#include "shared/tpm-key.h"

/* A signed statement of the AK. */
typedef struct TpmStatement {
        Bytes attest;    /* TPMS_ATTEST */
        Bytes signature; /* TPMT_SIGNATURE */
} TpmStatement;

void tpm_statement_done(TpmStatement *s);
#define _cleanup_tpm_statement_ _cleanup_(tpm_statement_done)

/* The AK about its own creation, without qualifying data. -EBADMSG: the creation is another key's, or the TPM
 * has been cleared since. */
int tpm_certify_creation(const TpmKey *ak, const TpmCreation *creation, TpmStatement *ret);
/* The AK about another key that is loaded in the same TPM. */
int tpm_certify(const TpmKey *key, const TpmKey *ak, ByteView qualifying, TpmStatement *ret);

/* Opens a credential that was made for this EK and this AK's Name; both with their size prefix, as they come
 * over the wire. ret: the secret. -EBADMSG: it was made for others. */
int tpm_activate_credential(const TpmKey *ek, const TpmKey *ak, ByteView credential, ByteView encrypted_secret,
                            Bytes *ret);
