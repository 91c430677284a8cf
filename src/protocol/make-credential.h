/* SPDX-License-Identifier: MIT */
#pragma once

/* TPM2_MakeCredential in software: TPM 2.0 Part 1, "Credential Protection" (24) and Annexes B.10.4 and C.6;
 * the primitives are libcrypto's. Hash and AES size follow the TCG EK templates: RSA-2048 and P-256 SHA-256
 * and AES-128, RSA-3072/4096 and P-384 SHA-384 and AES-256. */
#include "protocol/public-key.h"

#define CREDENTIAL_SECRET_SIZE 32U
#define CREDENTIAL_NAME_MAX 66U /* bytes: an algorithm and a SHA-512 digest */

typedef struct Credential {
        uint8_t id_object[2 + 2 + 48 + 2 + CREDENTIAL_SECRET_SIZE]; /* TPM2B_ID_OBJECT, its size first */
        uint16_t id_object_size;
        uint8_t encrypted_secret[2 + PUBLIC_KEY_RSA_SIZE_MAX];      /* TPM2B_ENCRYPTED_SECRET, its size first */
        uint16_t encrypted_secret_size;
} Credential;

/* name: of the object (the AK) that must be loaded beside the EK. seed: at least 48 random bytes, of which an
 * RSA EK takes as many as its hash has; an EC EK draws its ephemeral key inside libcrypto.
 * -ENOTSUP for an EK of another kind, -EINVAL for one that is not valid, a name or seed of another size, -EIO
 * when libcrypto fails. */
int make_credential(const PublicKey *ek, ByteView name, const uint8_t secret[static CREDENTIAL_SECRET_SIZE],
                    ByteView seed, Credential *ret);
