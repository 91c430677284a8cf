/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/param_build.h>

#include "soft-ek.h"

#define COORDINATE 32U
#define DIGEST 32U
#define CREDENTIAL_SIZE (2U + 2U + DIGEST + 2U + SOFT_EK_SECRET_SIZE)
#define SECRET_SIZE (2U + 2U * (2U + COORDINATE))

struct SoftEk {
        EVP_PKEY *key;
        uint8_t x[COORDINATE];
};

static EVP_PKEY *make_key(const uint8_t point[static 64], const uint8_t *scalar) {
        OSSL_PARAM_BLD *b = OSSL_PARAM_BLD_new();
        BIGNUM *d = scalar ? BN_bin2bn(scalar, COORDINATE, NULL) : NULL;
        EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
        EVP_PKEY *key = NULL;
        OSSL_PARAM *params = NULL;
        uint8_t encoded[1 + 2 * COORDINATE] = { 4 };

        memcpy(encoded + 1, point, 2 * COORDINATE);
        if (!b || !ctx || !OSSL_PARAM_BLD_push_utf8_string(b, OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0) ||
            !OSSL_PARAM_BLD_push_octet_string(b, OSSL_PKEY_PARAM_PUB_KEY, encoded, sizeof(encoded)) ||
            (d && !OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_PRIV_KEY, d)))
                goto finish;
        params = OSSL_PARAM_BLD_to_param(b);
        if (!params || EVP_PKEY_fromdata_init(ctx) <= 0 ||
            EVP_PKEY_fromdata(ctx, &key, d ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY, params) <= 0)
                key = NULL;
finish:
        OSSL_PARAM_free(params);
        OSSL_PARAM_BLD_free(b);
        EVP_PKEY_CTX_free(ctx);
        BN_free(d);
        return key;
}

SoftEk *soft_ek_new(const uint8_t scalar[static 32], const uint8_t point[static 64]) {
        SoftEk *ek = calloc(1, sizeof(SoftEk));

        if (!ek)
                return NULL;
        memcpy(ek->x, point, COORDINATE);
        ek->key = make_key(point, scalar);
        return ek->key ? ek : soft_ek_free(ek);
}

SoftEk *soft_ek_free(SoftEk *ek) {
        if (ek)
                EVP_PKEY_free(ek->key);
        free(ek);
        return NULL;
}

static int ecdh(SoftEk *ek, const uint8_t point[static 64], uint8_t ret[static COORDINATE]) {
        EVP_PKEY *peer = make_key(point, NULL);
        EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(ek->key, NULL);
        size_t n = COORDINATE;
        int r = peer && ctx && EVP_PKEY_derive_init(ctx) > 0 && EVP_PKEY_derive_set_peer(ctx, peer) > 0 &&
                EVP_PKEY_derive(ctx, ret, &n) > 0 ? 0 : -EBADMSG;

        EVP_PKEY_CTX_free(ctx);
        EVP_PKEY_free(peer);
        return r;
}

/* KDFe of one block. */
static void kdf_e(const uint8_t *z, const uint8_t *u, const uint8_t *v, uint8_t ret[static DIGEST]) {
        uint8_t in[4 + 3 * COORDINATE + sizeof("IDENTITY")] = { 0, 0, 0, 1 };
        uint8_t *p = in + 4;

        memcpy(p, z, COORDINATE);
        p += COORDINATE;
        memcpy(p, "IDENTITY", sizeof("IDENTITY"));
        p += sizeof("IDENTITY");
        memcpy(p, u, COORDINATE);
        memcpy(p + COORDINATE, v, COORDINATE);
        EVP_Digest(in, sizeof(in), ret, NULL, EVP_sha256(), NULL);
}

/* KDFa of one block. label includes its NUL. */
static void kdf_a(const uint8_t *seed, const char *label, const uint8_t *context, size_t n_context, uint16_t bits,
                  uint8_t ret[static DIGEST]) {
        uint8_t in[4 + 16 + SOFT_EK_NAME_SIZE + 4] = { 0, 0, 0, 1 };
        size_t n = 4, n_label = strlen(label) + 1;

        memcpy(in + n, label, n_label);
        n += n_label;
        if (n_context > 0)
                memcpy(in + n, context, n_context);
        n += n_context;
        in[n + 2] = (uint8_t) (bits >> 8);
        in[n + 3] = (uint8_t) bits;
        HMAC(EVP_sha256(), seed, DIGEST, in, n + 4, ret, NULL);
}

static int decrypt(const uint8_t key[static 16], const uint8_t *in, int n, uint8_t *ret) {
        static const uint8_t iv[16];
        EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
        int m, r = ctx && EVP_DecryptInit_ex(ctx, EVP_aes_128_cfb128(), NULL, key, iv) > 0 &&
                EVP_DecryptUpdate(ctx, ret, &m, in, n) > 0 && m == n ? 0 : -EBADMSG;

        EVP_CIPHER_CTX_free(ctx);
        return r;
}

int soft_ek_activate(SoftEk *ek, const uint8_t name[static SOFT_EK_NAME_SIZE], const uint8_t *credential,
                     size_t n_credential, const uint8_t *secret, size_t n_secret,
                     uint8_t ret[static SOFT_EK_SECRET_SIZE]) {
        uint8_t point[64], z[COORDINATE], seed[DIGEST], key[DIGEST], mac[DIGEST];
        uint8_t identity[2 + SOFT_EK_SECRET_SIZE + SOFT_EK_NAME_SIZE], plain[2 + SOFT_EK_SECRET_SIZE];
        const uint8_t *tag = credential + 4, *encrypted = tag + DIGEST;

        if (n_credential != CREDENTIAL_SIZE || n_secret != SECRET_SIZE)
                return -EBADMSG;
        memcpy(point, secret + 4, COORDINATE);
        memcpy(point + COORDINATE, secret + 6 + COORDINATE, COORDINATE);
        if (ecdh(ek, point, z) < 0)
                return -EBADMSG;
        kdf_e(z, point, ek->x, seed);

        kdf_a(seed, "INTEGRITY", NULL, 0, 8 * DIGEST, key);
        memcpy(identity, encrypted, sizeof(plain));
        memcpy(identity + sizeof(plain), name, SOFT_EK_NAME_SIZE);
        HMAC(EVP_sha256(), key, DIGEST, identity, sizeof(identity), mac, NULL);
        if (memcmp(mac, tag, DIGEST) != 0)
                return -EBADMSG;

        kdf_a(seed, "STORAGE", name, SOFT_EK_NAME_SIZE, 128, key);
        if (decrypt(key, encrypted, sizeof(plain), plain) < 0)
                return -EBADMSG;
        memcpy(ret, plain + 2, SOFT_EK_SECRET_SIZE);
        return 0;
}
