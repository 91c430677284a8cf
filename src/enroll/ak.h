/* SPDX-License-Identifier: MIT */
#pragma once

/* The attestation key: RSA-2048, RSASSA, SHA-256 (step-ca verifies no other), made once and kept as a blob in
 * ak.tss, with the evidence of its creation beside it in ak.creation. */
#include "enroll/failure.h"
#include "shared/tpm-attest.h"

/* Loads it, or makes one if there is none or this TPM does not take it any more. ret_proof: its CertifyCreation. */
int ak_open(TpmDevice *t, const char *state_dir, TpmKey *ret, TpmStatement *ret_proof, Bytes *ret_creation_data,
            Failure *f);

/* The TPM said no: with its words. */
int fail_tpm(Failure *f, int error, const TpmDevice *t, const char *what);
