/* SPDX-License-Identifier: MIT */
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>

#include "protocol/tpm-kdf.h"

#define LABEL_MAX 16U

DEFINE_TRIVIAL_CLEANUP_FUNC(EVP_KDF *, EVP_KDF_free);
DEFINE_TRIVIAL_CLEANUP_FUNC(EVP_KDF_CTX *, EVP_KDF_CTX_free);

void tpm_key_erase(TpmKey *k) {
        explicit_bzero(k, sizeof(*k));
}

/* libcrypto takes pointers without const and changes nothing behind them. */
static OSSL_PARAM octets(const char *name, ByteView v) {
        return OSSL_PARAM_construct_octet_string(name, (void *) v.data, v.size);
}

static OSSL_PARAM text(const char *name, const char *s) {
        return OSSL_PARAM_construct_utf8_string(name, (char *) s, 0);
}

static int derive(const char *algorithm, const OSSL_PARAM *params, size_t size, TpmKey *ret) {
        _cleanup_(EVP_KDF_freep) EVP_KDF *kdf = EVP_KDF_fetch(NULL, algorithm, NULL);
        _cleanup_(EVP_KDF_CTX_freep) EVP_KDF_CTX *ctx = kdf ? EVP_KDF_CTX_new(kdf) : NULL;
        _cleanup_tpm_key_ TpmKey k = { .size = size };

        if (size == 0 || size > sizeof(k.data))
                return -EINVAL;
        if (!ctx || EVP_KDF_derive(ctx, k.data, size, params) != 1)
                return -EIO;
        *ret = k;
        return 0;
}

int tpm_kdfa(const char *hash, ByteView key, const char *label, ByteView context, size_t size, TpmKey *ret) {
        OSSL_PARAM params[] = {
                text(OSSL_KDF_PARAM_MODE, "counter"),
                text(OSSL_KDF_PARAM_MAC, "HMAC"),
                text(OSSL_KDF_PARAM_DIGEST, hash),
                octets(OSSL_KDF_PARAM_KEY, key),
                octets(OSSL_KDF_PARAM_SALT, VIEW_STR(label)),
                context.size > 0 ? octets(OSSL_KDF_PARAM_INFO, context) : OSSL_PARAM_construct_end(),
                OSSL_PARAM_construct_end(),
        };

        return derive("KBKDF", params, size, ret);
}

int tpm_kdfe(const char *hash, const TpmExchange *exchange, const char *label, size_t size, TpmKey *ret) {
        uint8_t info[LABEL_MAX + 1 + 2 * TPM_KDF_PARTY_MAX];
        ByteWriter w = WRITER(info, sizeof(info));

        write_bytes(&w, label, strlen(label) + 1);
        write_view(&w, exchange->party_u);
        write_view(&w, exchange->party_v);
        if (w.failed)
                return -EINVAL;

        OSSL_PARAM params[] = {
                text(OSSL_KDF_PARAM_DIGEST, hash),
                octets(OSSL_KDF_PARAM_KEY, exchange->z),
                octets(OSSL_KDF_PARAM_INFO, writer_view(&w)),
                OSSL_PARAM_construct_end(),
        };
        return derive("SSKDF", params, size, ret);
}
