/* SPDX-License-Identifier: MIT */
#pragma once

/* What surrounds the one raw RSA operation that a TPM does for us (a number to the power of the private exponent):
 * a block is made of what is to be signed or decrypted, and the answer is made of the block that comes back. The
 * salt of PSS is drawn by libcrypto. */
#include "protocol/public-key.h"
#include "protocol/token-operation.h"

/* o: one of the five RSA kinds, as token_operation_decode() gives it. ret: as wide as the modulus (k->size), and
 * below it. TOKEN_BAD_LENGTH, TOKEN_BAD_DATA, TOKEN_FAILED (not an RSA key; libcrypto failed). */
TokenStatus rsa_padding_block(const TokenOperation *o, const PublicKey *k, uint8_t ret[static TOKEN_DATA_MAX]);
/* block: what the raw operation gave, as wide as the modulus. ret->status says whether there is an answer. */
void rsa_padding_answer(const TokenOperation *o, ByteView block, TokenResult *ret);
