/* SPDX-License-Identifier: MIT */
#pragma once

/* Keys in a TPM. Parents: the storage root key at 0x81000001 if it is there and is an ECC storage key of our
 * template, else a transient primary of that template under the owner hierarchy. */
#include "protocol/certificate-request.h"
#include "protocol/key-file.h"
#include "shared/tpm-device.h"

typedef struct TpmKey {
        TpmDevice *device;    /* NULL: no key */
        ESYS_TR handle;
        bool transient;       /* flushed at the end */
        TPM2B_PUBLIC public;
} TpmKey;

void tpm_key_done(TpmKey *k);
#define _cleanup_tpm_key_ _cleanup_(tpm_key_done)

int tpm_key_public(const TpmKey *k, PublicKey *ret);       /* -ENOTSUP, -EINVAL */
int tpm_key_public_area(const TpmKey *k, Bytes *ret);      /* TPMT_PUBLIC */

/* -ENOENT: nothing there. */
int tpm_key_persistent(TpmDevice *t, uint32_t handle, TpmKey *ret);
/* hierarchy: ESYS_TR_RH_OWNER or ESYS_TR_RH_ENDORSEMENT, whose password must be empty (-EACCES). */
int tpm_key_primary(TpmDevice *t, ESYS_TR hierarchy, const TPM2B_PUBLIC *template, TpmKey *ret);

/* Evidence of where a key was made; its ticket holds until the TPM is cleared. */
typedef struct TpmCreation {
        TPM2B_CREATION_DATA data;
        TPM2B_DIGEST hash;
        TPMT_TK_CREATION ticket;
} TpmCreation;

#define TPM_CREATION_ENCODED_MAX 4096U /* bytes */

int tpm_creation_encode(const TpmCreation *c, Bytes *ret);
int tpm_creation_decode(ByteView v, TpmCreation *ret); /* -EBADMSG */

/* Makes a key under the storage parent and loads it. ret_creation may be NULL. */
int tpm_key_create(TpmDevice *t, const TPM2B_PUBLIC *template, KeyFile *ret_file, TpmCreation *ret_creation,
                   TpmKey *ret);
/* -EBADMSG: the file is of another TPM, or of this one before it was cleared. -ENOTSUP: needs a policy. */
int tpm_key_load(TpmDevice *t, const KeyFile *file, TpmKey *ret);

/* Signs a digest: RSASSA or ECDSA; the signature as CertificateRequestSign gives it. */
int tpm_key_sign(const TpmKey *k, DigestAlgorithm algorithm, ByteView digest, Bytes *ret);

/* The raw RSA operation, for a key that decrypts and whose scheme is free: block, as wide as the modulus and below it,
 * to the power of the private exponent. */
int tpm_key_rsa(const TpmKey *k, ByteView block, Bytes *ret);
