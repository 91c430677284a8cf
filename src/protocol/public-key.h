/* SPDX-License-Identifier: MIT */
#pragma once

/* A public key as this project knows it: a plain value without allocations, comparable with
 * public_key_equal(), and its two encodings: SubjectPublicKeyInfo (RFC 5280, RFC 8017, RFC 5480) and the
 * unique/parameters part of a TPM public area. */
#include "shared/bytes.h"

#define PUBLIC_KEY_RSA_SIZE_MAX 512U  /* modulus of RSA-4096, bytes */
#define PUBLIC_KEY_EC_SIZE_MAX 48U    /* coordinate on P-384, bytes */
#define PUBLIC_KEY_SPKI_SIZE_MAX 600U

typedef enum KeyType {
        KEY_TYPE_INVALID = 0,
        KEY_TYPE_RSA = 1,  /* 2048, 3072 or 4096 bits */
        KEY_TYPE_P256 = 2,
        KEY_TYPE_P384 = 3,
} KeyType;

typedef struct PublicKey {
        KeyType type;
        uint16_t size;      /* bytes: of the modulus, or of one coordinate */
        uint32_t exponent;  /* RSA: the value itself, 65537 where a TPM says 0; EC: 0 */
        union {
                uint8_t n[PUBLIC_KEY_RSA_SIZE_MAX]; /* big-endian, top bit set; bytes beyond size are 0 */
                struct {
                        uint8_t x[PUBLIC_KEY_EC_SIZE_MAX]; /* big-endian, left-padded to size */
                        uint8_t y[PUBLIC_KEY_EC_SIZE_MAX];
                };
        };
} PublicKey;

bool public_key_equal(const PublicKey *a, const PublicKey *b);

/* True for RSA of 2048, 3072 or 4096 bits (size matches, top bit set, odd, exponent odd and ≥ 65537) and for
 * a point that lies on P-256 or P-384. */
bool public_key_valid(const PublicKey *k);

/* DER. Decoding takes rsaEncryption and id-ecPublicKey with a named curve (and rsaesOaep, which EK
 * certificates carry), consumes everything, and gives valid keys only: -EINVAL malformed, -ENOTSUP another
 * algorithm, size or curve. Encoding always gives rsaEncryption with NULL, or id-ecPublicKey with the named
 * curve and an uncompressed point: the encoding that the EK hash is made of. */
int public_key_from_spki(ByteView spki, PublicKey *ret);
int public_key_to_spki(const PublicKey *k, Bytes *ret);

/* SHA-256 of public_key_to_spki(): the identity of a device, when k is its EK. */
int public_key_hash(const PublicKey *k, uint8_t ret[static 32]);

/* "RSA 2048", "ECDSA P-256", …: for people. */
const char *public_key_to_string(const PublicKey *k);
