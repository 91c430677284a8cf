/* SPDX-License-Identifier: MIT */
#pragma once

/* Is this AK one that a TPM made and keeps? Decided from the evidence that a client sends with POST /attest:
 * TPM 2.0 Part 2 (structures) and Part 3, TPM2_CertifyCreation. The public area and the attested structure
 * are compared with built expected values; hashes and the signature are over the bytes as received. */
#include "protocol/public-key.h"

#define AK_NAME_SIZE 34U /* TPM_ALG_SHA256 and a digest */

typedef struct AkEvidence {
        ByteView public;        /* TPMT_PUBLIC */
        ByteView creation_data; /* TPMS_CREATION_DATA */
        ByteView attestation;   /* TPMS_ATTEST */
        ByteView signature;     /* TPMT_SIGNATURE */
} AkEvidence;

typedef enum AkVerdict {
        AK_VERDICT_GOOD,
        AK_VERDICT_MALFORMED_PUBLIC,      /* 400 */
        AK_VERDICT_MALFORMED_CREATION,    /* 400 */
        AK_VERDICT_MALFORMED_ATTESTATION, /* 400 */
        AK_VERDICT_MALFORMED_SIGNATURE,   /* 400 */
        AK_VERDICT_WRONG_KEY,             /* type, size, curve, scheme, hash: not one of the two AK templates */
        AK_VERDICT_WRONG_ATTRIBUTES,      /* not 00050472 */
        AK_VERDICT_WRONG_MAGIC,
        AK_VERDICT_WRONG_TYPE,            /* not TPM_ST_ATTEST_CREATION */
        AK_VERDICT_WRONG_EXTRA_DATA,      /* qualifying data: no client sends any */
        AK_VERDICT_WRONG_NAME,            /* attested Name is not the public area's */
        AK_VERDICT_WRONG_CREATION_HASH,
        AK_VERDICT_WRONG_SIGNATURE,       /* does not verify, or another scheme or hash than the key's */
        _AK_VERDICT_MAX,
} AkVerdict;

/* Pure; never fails but by verdict (out of memory counts as the verdict at hand).
 * ret_ak and ret_name are set for AK_VERDICT_GOOD only. */
AkVerdict ak_verify(const AkEvidence *evidence, PublicKey *ret_ak, uint8_t ret_name[static AK_NAME_SIZE]);
bool ak_verdict_is_malformed(AkVerdict v);
const char *ak_verdict_to_string(AkVerdict v);

/* The public area of an AK of ours (RSA-2048 RSASSA/SHA-256 or P-256 ECDSA/SHA-256, attributes 00050472, no
 * policy) with this key, and its Name: what atteztd rebuilds from the key alone. -ENOTSUP for other keys. */
int ak_public_area(const PublicKey *ak, Bytes *ret_tpmt_public);
int ak_name(const PublicKey *ak, uint8_t ret_name[static AK_NAME_SIZE]);
