/* SPDX-License-Identifier: MIT */
/* libcrypto pads only around its own RSA operation; the functions that do nothing but padding have been deprecated
 * since 3.0, and nothing has taken their place. They have been looked at for two decades and leave no trace of where
 * a padding was wrong, not even in time: better than what we would write. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "protocol/rsa-padding.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#define PKCS1_OVERHEAD 11U /* 00 01, at least eight ff, 00 */

DEFINE_TRIVIAL_CLEANUP_FUNC(RSA *, RSA_free);
DEFINE_TRIVIAL_CLEANUP_FUNC(BIGNUM *, BN_free);

static const EVP_MD *message_digest(TokenHash h) {
        switch (h) {
        case TOKEN_HASH_SHA1:
                return EVP_sha1();
        case TOKEN_HASH_SHA224:
                return EVP_sha224();
        case TOKEN_HASH_SHA256:
                return EVP_sha256();
        case TOKEN_HASH_SHA384:
                return EVP_sha384();
        case TOKEN_HASH_SHA512:
                return EVP_sha512();
        default:
                return NULL;
        }
}

/* --- Before --- */

static TokenStatus pad_pkcs1(const TokenOperation *o, const PublicKey *k, uint8_t *ret) {
        if (o->data_size + PKCS1_OVERHEAD > k->size)
                return TOKEN_BAD_LENGTH;
        return RSA_padding_add_PKCS1_type_1(ret, k->size, o->data, o->data_size) == 1 ? TOKEN_OK : TOKEN_FAILED;
}

/* For the size of its modulus only. */
static int make_rsa(const PublicKey *k, RSA **ret) {
        _cleanup_(BN_freep) BIGNUM *n = BN_bin2bn(k->n, k->size, NULL), *e = BN_new();
        _cleanup_(RSA_freep) RSA *rsa = RSA_new();

        if (!n || !e || !rsa || BN_set_word(e, k->exponent) != 1 || RSA_set0_key(rsa, n, e, NULL) != 1)
                return -ENOMEM;
        (void) TAKE_PTR(n);
        (void) TAKE_PTR(e);
        *ret = TAKE_PTR(rsa);
        return 0;
}

static TokenStatus pad_pss(const TokenOperation *o, const PublicKey *k, uint8_t *ret) {
        _cleanup_(RSA_freep) RSA *rsa = NULL;
        const EVP_MD *hash = message_digest(o->hash), *mgf = message_digest(o->mgf);

        if (!hash || !mgf || o->data_size != token_hash_size(o->hash))
                return TOKEN_FAILED;
        /* RFC 8017, 9.1.1: a bit less than the modulus, which are as many bytes. */
        if (o->data_size + o->salt_size + 2U > k->size)
                return TOKEN_BAD_LENGTH;
        return make_rsa(k, &rsa) >= 0 &&
                               RSA_padding_add_PKCS1_PSS_mgf1(rsa, ret, o->data, hash, mgf, o->salt_size) == 1 ?
                       TOKEN_OK :
                       TOKEN_FAILED;
}

/* A number, whose leading zeros may be missing. */
static TokenStatus pad_number(const TokenOperation *o, const PublicKey *k, bool whole, uint8_t *ret) {
        if (o->data_size > k->size || (whole && o->data_size != k->size))
                return TOKEN_BAD_LENGTH;
        memset(ret, 0, (size_t) k->size - o->data_size);
        memcpy(ret + k->size - o->data_size, o->data, o->data_size);
        return memcmp(ret, k->n, k->size) < 0 ? TOKEN_OK : TOKEN_BAD_DATA;
}

static TokenStatus make_block(const TokenOperation *o, const PublicKey *k, uint8_t *ret) {
        switch (o->kind) {
        case TOKEN_SIGN_RSA_PKCS1:
                return pad_pkcs1(o, k, ret);
        case TOKEN_SIGN_RSA_PSS:
                return pad_pss(o, k, ret);
        case TOKEN_RSA_RAW:
                return pad_number(o, k, false, ret);
        case TOKEN_DECRYPT_RSA_PKCS1:
        case TOKEN_DECRYPT_RSA_OAEP:
                return pad_number(o, k, true, ret);
        default:
                return TOKEN_FAILED;
        }
}

TokenStatus rsa_padding_block(const TokenOperation *o, const PublicKey *k, uint8_t ret[static TOKEN_DATA_MAX]) {
        uint8_t block[TOKEN_DATA_MAX] = {};

        if (k->type != KEY_TYPE_RSA || k->size > sizeof(block) || o->data_size > sizeof(o->data))
                return TOKEN_FAILED;
        TokenStatus status = make_block(o, k, block);
        if (status == TOKEN_OK)
                memcpy(ret, block, k->size);
        explicit_bzero(block, sizeof(block));
        ERR_clear_error();
        return status;
}

/* --- After --- */

/* Bytes of what was wrapped, or negative. */
static int unpad(const TokenOperation *o, ByteView block, uint8_t ret[static TOKEN_DATA_MAX]) {
        int size = (int) block.size;

        switch (o->kind) {
        case TOKEN_DECRYPT_RSA_PKCS1:
                return RSA_padding_check_PKCS1_type_2(ret, TOKEN_DATA_MAX, block.data, size, size);
        case TOKEN_DECRYPT_RSA_OAEP:
                return RSA_padding_check_PKCS1_OAEP_mgf1(ret, TOKEN_DATA_MAX, block.data, size, size, o->label,
                                                         o->label_size, message_digest(o->hash),
                                                         message_digest(o->mgf));
        default:
                memcpy(ret, block.data, block.size);
                return size;
        }
}

void rsa_padding_answer(const TokenOperation *o, ByteView block, TokenResult *ret) {
        _cleanup_(token_result_erase) TokenResult result = {};

        int n = block.size <= TOKEN_DATA_MAX ? unpad(o, block, result.data) : -1;
        ERR_clear_error(); /* the text of an error would say which one */
        if (n < 0)
                *ret = (TokenResult) { .status = TOKEN_BAD_DATA };
        else {
                result.size = (uint16_t) n;
                *ret = result;
        }
}
