/* SPDX-License-Identifier: MIT */
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/param_build.h>

#include "protocol/evp-key.h"

#define POINT_SIZE_MAX (1 + 2 * PUBLIC_KEY_EC_SIZE_MAX)

DEFINE_TRIVIAL_CLEANUP_FUNC(OSSL_PARAM_BLD *, OSSL_PARAM_BLD_free);
DEFINE_TRIVIAL_CLEANUP_FUNC(OSSL_PARAM *, OSSL_PARAM_free);
DEFINE_TRIVIAL_CLEANUP_FUNC(BIGNUM *, BN_free);

static int import(const char *algorithm, OSSL_PARAM *params, EVP_PKEY **ret) {
        _cleanup_(EVP_PKEY_CTX_freep) EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, algorithm, NULL);
        EVP_PKEY *key = NULL;

        if (!ctx || EVP_PKEY_fromdata_init(ctx) != 1 ||
            EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) != 1)
                return -EIO;
        *ret = key;
        return 0;
}

static int import_rsa(const PublicKey *k, EVP_PKEY **ret) {
        _cleanup_(OSSL_PARAM_BLD_freep) OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
        _cleanup_(OSSL_PARAM_freep) OSSL_PARAM *params = NULL;
        _cleanup_(BN_freep) BIGNUM *n = BN_bin2bn(k->n, k->size, NULL);

        if (!builder || !n || OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, n) != 1 ||
            OSSL_PARAM_BLD_push_uint32(builder, OSSL_PKEY_PARAM_RSA_E, k->exponent) != 1)
                return -EIO;
        params = OSSL_PARAM_BLD_to_param(builder);
        return params ? import("RSA", params, ret) : -EIO;
}

static int import_ec(const PublicKey *k, EVP_PKEY **ret) {
        uint8_t point[POINT_SIZE_MAX];
        ByteWriter w = WRITER(point, sizeof(point));
        char p256[] = "P-256", p384[] = "P-384";

        write_u8(&w, 4); /* uncompressed */
        write_bytes(&w, k->x, k->size);
        write_bytes(&w, k->y, k->size);

        OSSL_PARAM params[] = {
                OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, k->type == KEY_TYPE_P256 ? p256 : p384, 0),
                OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point, w.size),
                OSSL_PARAM_construct_end(),
        };
        return import("EC", params, ret);
}

int evp_key_from_public(const PublicKey *k, EVP_PKEY **ret) {
        if (!public_key_valid(k))
                return -EINVAL;
        return k->type == KEY_TYPE_RSA ? import_rsa(k, ret) : import_ec(k, ret);
}
