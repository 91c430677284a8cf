/* SPDX-License-Identifier: MIT */
#include "shared/sealed-key.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>

/* 16 MiB of memory; with a passphrase for about half a second. */
#define SCRYPT_N 16384
#define SCRYPT_R 8
#define SCRYPT_P_SECRET 1
#define SCRYPT_P_PASSPHRASE 8

#define KEY_ID_SIZE 32U

DEFINE_TRIVIAL_CLEANUP_FUNC(BIO *, BIO_free_all);
DEFINE_TRIVIAL_CLEANUP_FUNC(X509_SIG *, X509_SIG_free);
DEFINE_TRIVIAL_CLEANUP_FUNC(X509_ALGOR *, X509_ALGOR_free);
DEFINE_TRIVIAL_CLEANUP_FUNC(PKCS8_PRIV_KEY_INFO *, PKCS8_PRIV_KEY_INFO_free);

static int seal(ByteView der, const char *secret, SealedBy by, Bytes *ret_pem) {
        const unsigned char *p = der.data;
        _cleanup_(PKCS8_PRIV_KEY_INFO_freep) PKCS8_PRIV_KEY_INFO *key = d2i_PKCS8_PRIV_KEY_INFO(NULL, &p, (long) der.size);
        _cleanup_(X509_ALGOR_freep) X509_ALGOR *how = PKCS5_pbe2_set_scrypt(
                EVP_aes_256_cbc(), NULL, 0, NULL, SCRYPT_N, SCRYPT_R,
                by == SEALED_BY_PASSPHRASE ? SCRYPT_P_PASSPHRASE : SCRYPT_P_SECRET);
        _cleanup_(BIO_free_allp) BIO *out = BIO_new(BIO_s_mem());

        if (!key || !how || !out)
                return -ENOMEM;
        _cleanup_(X509_SIG_freep) X509_SIG *sealed = PKCS8_set0_pbe(secret, (int) strlen(secret), key, how);
        if (!sealed)
                return -EIO;
        how = NULL; /* it has it now */
        char *text;
        if (PEM_write_bio_PKCS8(out, sealed) != 1)
                return -EIO;
        long n = BIO_get_mem_data(out, &text);
        return bytes_copy(VIEW(text, n), ret_pem);
}

int sealed_key_write(gnutls_x509_privkey_t key, const char *secret, SealedBy by, Bytes *ret_pem) {
        _cleanup_datum_erase_ gnutls_datum_t out = {};

        if (gnutls_x509_privkey_export2_pkcs8(key, secret ? GNUTLS_X509_FMT_DER : GNUTLS_X509_FMT_PEM, NULL,
                                              GNUTLS_PKCS_PLAIN, &out) < 0)
                return -EIO;
        if (!secret)
                return bytes_copy(datum_view(&out), ret_pem);
        int r = seal(datum_view(&out), secret, by, ret_pem);
        ERR_clear_error();
        return r;
}

static int open_sealed(X509_SIG *sealed, const char *secret, Bytes *ret_der) {
        _cleanup_(PKCS8_PRIV_KEY_INFO_freep) PKCS8_PRIV_KEY_INFO *key = NULL;
        unsigned char *der = NULL;

        if (!secret)
                return -ENOKEY;
        key = PKCS8_decrypt(sealed, secret, (int) strlen(secret));
        if (!key)
                return -EKEYREJECTED;
        int n = i2d_PKCS8_PRIV_KEY_INFO(key, &der);
        if (n <= 0)
                return -EKEYREJECTED;
        int r = bytes_copy(VIEW(der, n), ret_der);
        OPENSSL_clear_free(der, (size_t) n);
        return r;
}

int sealed_key_read(ByteView pem, const char *secret, gnutls_x509_privkey_t *ret, bool *ret_sealed) {
        _cleanup_(gnutls_x509_privkey_deinitp) gnutls_x509_privkey_t key = NULL;
        _cleanup_(BIO_free_allp) BIO *in = BIO_new_mem_buf(pem.data, (int) pem.size);
        _cleanup_bytes_erase_ Bytes der = BYTES_NULL;

        if (!in || gnutls_x509_privkey_init(&key) < 0)
                return -ENOMEM;
        _cleanup_(X509_SIG_freep) X509_SIG *sealed = PEM_read_bio_PKCS8(in, NULL, NULL, NULL);
        int r = sealed ? open_sealed(sealed, secret, &der) : 0;
        ERR_clear_error();
        if (r < 0)
                return r;
        gnutls_datum_t d = datum_of(sealed ? bytes_view(&der) : pem);
        if (gnutls_x509_privkey_import2(key, &d, sealed ? GNUTLS_X509_FMT_DER : GNUTLS_X509_FMT_PEM, NULL,
                                        GNUTLS_PKCS_PLAIN) < 0)
                return sealed ? -EKEYREJECTED : -EBADMSG;
        *ret_sealed = sealed;
        *ret = TAKE_PTR(key);
        return 0;
}

bool sealed_key_fits(gnutls_x509_privkey_t key, gnutls_x509_crt_t certificate) {
        uint8_t a[KEY_ID_SIZE], b[KEY_ID_SIZE];
        size_t n = sizeof(a), m = sizeof(b);

        return gnutls_x509_privkey_get_key_id(key, GNUTLS_KEYID_USE_SHA256, a, &n) >= 0 &&
               gnutls_x509_crt_get_key_id(certificate, GNUTLS_KEYID_USE_SHA256, b, &m) >= 0 &&
               view_equal(VIEW(a, n), VIEW(b, m));
}
