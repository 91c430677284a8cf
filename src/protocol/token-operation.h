/* SPDX-License-Identifier: MIT */
#pragma once

/* What the PKCS#11 token asks of a device key, and what comes back: values without allocations, and their
 * encodings as the messages between attezt-agent and attezt-tpm-signer, each of one fixed layout and size over a
 * SOCK_SEQPACKET socket. One operation at a time: the answer follows its question. */
#include "shared/bytes.h"

#define TOKEN_DATA_MAX 512U   /* bytes: a block of RSA-4096 */
#define TOKEN_LABEL_MAX 128U  /* bytes of an OAEP label */

typedef enum TokenHash {
        TOKEN_HASH_NONE = 0,
        TOKEN_HASH_SHA1 = 1,
        TOKEN_HASH_SHA224 = 2,
        TOKEN_HASH_SHA256 = 3,
        TOKEN_HASH_SHA384 = 4,
        TOKEN_HASH_SHA512 = 5,
        _TOKEN_HASH_MAX,
} TokenHash;

typedef enum TokenOperationKind {
        TOKEN_SIGN_RSA_PKCS1 = 1,    /* data: what is padded, usually a DigestInfo */
        TOKEN_SIGN_RSA_PSS = 2,      /* data: a digest of hash; mgf, salt_size */
        TOKEN_RSA_RAW = 3,           /* data: a number below the modulus, at most as wide as it */
        TOKEN_DECRYPT_RSA_PKCS1 = 4, /* data: a block as wide as the modulus */
        TOKEN_DECRYPT_RSA_OAEP = 5,  /* the same; hash, mgf, label */
        TOKEN_SIGN_ECDSA = 6,        /* data: a digest of any length up to 64; the answer is r || s */
        _TOKEN_OPERATION_MAX,
} TokenOperationKind;

typedef struct TokenOperation {
        uint64_t generation;         /* of the enrolment whose key it is */
        uint8_t key[32];             /* SHA-256 of that key's SubjectPublicKeyInfo: no other key will do */
        TokenOperationKind kind;
        TokenHash hash, mgf;         /* TOKEN_HASH_NONE where kind has none */
        uint16_t salt_size;          /* bytes, PSS only */
        uint16_t label_size, data_size;
        uint8_t label[TOKEN_LABEL_MAX]; /* bytes beyond label_size are 0; so for data */
        uint8_t data[TOKEN_DATA_MAX];
} TokenOperation;

typedef enum TokenStatus {
        TOKEN_OK = 0,
        TOKEN_BAD_LENGTH,  /* of data, for this key and kind */
        TOKEN_BAD_DATA,    /* a number beyond the modulus; what was decrypted has no valid padding */
        TOKEN_KEY_GONE,    /* no such generation, not that key, or the TPM does not load it any more */
        TOKEN_NO_TPM,      /* missing, or it cannot be reached */
        TOKEN_LOCKOUT,     /* the TPM's protection against guessing */
        TOKEN_TIMEOUT,     /* the TPM did not answer in time */
        TOKEN_BUSY,        /* it waited too long for its turn */
        TOKEN_FAILED,      /* anything else */
        _TOKEN_STATUS_MAX,
} TokenStatus;

typedef struct TokenResult {
        TokenStatus status;
        uint16_t size;               /* 0 unless TOKEN_OK */
        uint8_t data[TOKEN_DATA_MAX]; /* may be secret: token_result_erase() */
} TokenResult;

#define TOKEN_OPERATION_ENCODED_SIZE (4U + 8U + 32U + 4U + 3U * 2U + TOKEN_LABEL_MAX + TOKEN_DATA_MAX)
#define TOKEN_RESULT_ENCODED_SIZE (4U + 2U + 2U + TOKEN_DATA_MAX)

void token_operation_erase(TokenOperation *o);
void token_result_erase(TokenResult *r);
const char *token_status_to_string(TokenStatus s); /* "key-gone" */
size_t token_hash_size(TokenHash h);               /* bytes of a digest; 0: none */

/* Every field is checked against kind: a digest's size, salt and label only where they belong, unused bytes 0.
 * -EINVAL (encode), -EBADMSG (decode). */
int token_operation_encode(const TokenOperation *o, uint8_t ret[static TOKEN_OPERATION_ENCODED_SIZE]);
int token_operation_decode(ByteView packet, TokenOperation *ret);
int token_result_encode(const TokenResult *r, uint8_t ret[static TOKEN_RESULT_ENCODED_SIZE]);
int token_result_decode(ByteView packet, TokenResult *ret);
