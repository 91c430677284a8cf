/* SPDX-License-Identifier: MIT */
#pragma once

/* TPM 2.0 Part 2 structures: bytes to tss2 types and back. Decoding consumes everything and takes no TPM2B
 * longer than its type holds; it does not judge algorithms and attributes, whoever asks compares them with
 * what it expects. -EBADMSG malformed. Encoding: -EINVAL for a structure that has no encoding. */
#include <tss2/tss2_tpm2_types.h>

#include "protocol/public-key.h"

#define TPM_STRUCTURE_MAX 2048U /* bytes of any of them, in and out */

int tpm_public_decode(ByteView v, TPMT_PUBLIC *ret);
int tpm_public_encode(const TPMT_PUBLIC *p, Bytes *ret);

int tpm_attest_decode(ByteView v, TPMS_ATTEST *ret);
int tpm_attest_encode(const TPMS_ATTEST *a, Bytes *ret);

int tpm_creation_data_decode(ByteView v, TPMS_CREATION_DATA *ret);
int tpm_creation_data_encode(const TPMS_CREATION_DATA *c, Bytes *ret);

int tpm_signature_decode(ByteView v, TPMT_SIGNATURE *ret);
int tpm_signature_encode(const TPMT_SIGNATURE *s, Bytes *ret);

/* alg: SHA-1 or SHA-2, -ENOTSUP otherwise. */
int tpm_hash(TPMI_ALG_HASH alg, ByteView v, TPM2B_DIGEST *ret);

/* Part 1, section 16: the hash algorithm of a TPMT_PUBLIC and its digest of it. */
int tpm_object_name(ByteView tpmt_public, TPM2B_NAME *ret);

/* The key inside a public area. Coordinates may be shorter than the field. -ENOTSUP another type, size or
 * curve, -EINVAL a key that is not valid. */
int tpm_public_get_key(const TPMT_PUBLIC *p, PublicKey *ret);

/* Puts the key into a public area of its type: unique, size or curve, and exponent, where TPMs write 0 for
 * 65537. -ENOTSUP when the type differs. */
int tpm_public_set_key(TPMT_PUBLIC *p, const PublicKey *k);
