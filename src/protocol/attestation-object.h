/* SPDX-License-Identifier: MIT */
#pragma once

/* The WebAuthn attestation object of format "tpm" (WebAuthn §8.3) as device-attest-01 carries it: CBOR
 * (RFC 8949), definite lengths, no authData. */
#include "shared/bytes.h"

#define ATTESTATION_CHAIN_MAX 8U
#define ATTESTATION_OBJECT_MAX (64U * 1024) /* bytes */

/* COSE algorithm (RFC 9053, RFC 8812) of the AK's signature. */
typedef enum CoseAlgorithm {
        COSE_ES256 = -7,
        COSE_RS256 = -257,
} CoseAlgorithm;

typedef struct AttestationObject {
        CoseAlgorithm alg;
        const ByteView *x5c;  /* DER, AK certificate first */
        size_t n_x5c;
        ByteView sig;         /* TPMT_SIGNATURE */
        ByteView cert_info;   /* TPMS_ATTEST */
        ByteView pub_area;    /* TPMT_PUBLIC of the device key */
} AttestationObject;

/* -EINVAL: no chain or something is empty. -E2BIG. */
int attestation_object_build(const AttestationObject *o, Bytes *ret);
