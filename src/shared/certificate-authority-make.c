/* SPDX-License-Identifier: MIT */
#include "shared/certificate-authority-make.h"

#include "shared/files.h"
#include "shared/sealed-key.h"

#define KEY_ID_SIZE 20U

void authority_done(Authority *a) {
        gnutls_x509_crt_deinitp(&a->crt);
        gnutls_x509_privkey_deinitp(&a->key);
}

static int key_generate(gnutls_x509_privkey_t *ret) {
        _cleanup_(gnutls_x509_privkey_deinitp) gnutls_x509_privkey_t k = NULL;

        if (gnutls_x509_privkey_init(&k) < 0)
                return -ENOMEM;
        if (gnutls_x509_privkey_generate(k, GNUTLS_PK_ECDSA,
                                         GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0) < 0)
                return -EIO;
        *ret = TAKE_PTR(k);
        return 0;
}

static int key_id(gnutls_x509_crt_t crt, uint8_t ret[static KEY_ID_SIZE]) {
        size_t n = KEY_ID_SIZE;

        if (gnutls_x509_crt_get_key_id(crt, GNUTLS_KEYID_USE_SHA1, ret, &n) < 0 || n != KEY_ID_SIZE)
                return -EIO;
        return 0;
}

static int set_name_and_time(Authority *a, int64_t now) {
        uint8_t serial[AK_SERIAL_SIZE];

        if (gnutls_rnd(GNUTLS_RND_NONCE, serial, sizeof(serial)) < 0)
                return -EIO;
        ak_certificate_serial(serial);
        if (gnutls_x509_crt_set_version(a->crt, 3) < 0 ||
            gnutls_x509_crt_set_serial(a->crt, serial, sizeof(serial)) < 0 ||
            gnutls_x509_crt_set_dn_by_oid(a->crt, GNUTLS_OID_X520_COMMON_NAME, 0, a->common_name,
                                          (unsigned) strlen(a->common_name)) < 0 ||
            gnutls_x509_crt_set_activation_time(a->crt, now - AK_CERTIFICATE_BACKDATE) < 0 ||
            gnutls_x509_crt_set_expiration_time(a->crt, a->not_after) < 0)
                return -EIO;
        return 0;
}

/* issuer is a itself for the root. */
static int set_extensions_and_sign(Authority *a, Authority *issuer, int path_length) {
        uint8_t own[KEY_ID_SIZE], issuers[KEY_ID_SIZE];

        if (gnutls_x509_crt_set_key(a->crt, a->key) < 0)
                return -EIO;
        if (key_id(a->crt, own) < 0 || key_id(issuer->crt, issuers) < 0)
                return -EIO;
        if (gnutls_x509_crt_set_basic_constraints(a->crt, 1, path_length) < 0 ||
            gnutls_x509_crt_set_key_usage(a->crt, GNUTLS_KEY_KEY_CERT_SIGN | GNUTLS_KEY_CRL_SIGN) < 0 ||
            gnutls_x509_crt_set_subject_key_id(a->crt, own, sizeof(own)) < 0 ||
            gnutls_x509_crt_set_authority_key_id(a->crt, issuers, sizeof(issuers)) < 0 ||
            gnutls_x509_crt_sign2(a->crt, issuer->crt, issuer->key, GNUTLS_DIG_SHA256, 0) < 0)
                return -EIO;
        return 0;
}

int authority_make(Authority *a, Authority *issuer, int64_t now) {
        if (gnutls_x509_crt_init(&a->crt) < 0)
                return -ENOMEM;
        int r = key_generate(&a->key);
        if (r < 0)
                return r;
        r = set_name_and_time(a, now);
        if (r < 0)
                return r;
        return set_extensions_and_sign(a, issuer ?: a, issuer ? 0 : 1);
}

int authority_write(int dir_fd, const Authority *a, const char *certificate, const char *key, const char *secret) {
        _cleanup_datum_ gnutls_datum_t pem = {};
        _cleanup_bytes_erase_ Bytes sealed = BYTES_NULL;

        if (gnutls_x509_crt_export2(a->crt, GNUTLS_X509_FMT_PEM, &pem) < 0)
                return -EIO;
        int r = sealed_key_write(a->key, secret, SEALED_BY_SECRET, &sealed);
        if (r >= 0)
                r = file_write_new(dir_fd, key, 0600, bytes_view(&sealed));
        return r < 0 ? r : file_write_new(dir_fd, certificate, 0644, datum_view(&pem));
}
