/* SPDX-License-Identifier: MIT */
#include "shared/certificate-issuer.h"

#include "shared/files.h"
#include "shared/sealed-key.h"

#define CERTIFICATE_FILE_MAX (64U * 1024)

void issuer_done(Issuer *i) {
        gnutls_x509_crt_deinitp(&i->crt);
        gnutls_privkey_deinitp(&i->key);
        bytes_done(&i->der);
        *i = (Issuer) {};
}

static int read_file(int dir_fd, const char *name, size_t max, Bytes *ret) {
        int r = file_read_at(dir_fd, name, max, ret);
        return r == -ENOENT || r == -EFBIG ? -EBADMSG : r;
}

int issuer_read_certificate(int dir_fd, const char *name, gnutls_x509_crt_t *ret, Bytes *ret_der) {
        _cleanup_(gnutls_x509_crt_deinitp) gnutls_x509_crt_t crt = NULL;
        _cleanup_bytes_ Bytes pem = BYTES_NULL;
        _cleanup_datum_ gnutls_datum_t der = {};

        int r = read_file(dir_fd, name, CERTIFICATE_FILE_MAX, &pem);
        if (r < 0)
                return r;
        gnutls_datum_t d = datum_of(bytes_view(&pem));
        if (gnutls_x509_crt_init(&crt) < 0)
                return -ENOMEM;
        if (gnutls_x509_crt_import(crt, &d, GNUTLS_X509_FMT_PEM) < 0 ||
            gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_DER, &der) < 0)
                return -EBADMSG;
        r = bytes_copy(datum_view(&der), ret_der);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(crt);
        return 0;
}

/* A disk that cannot be written keeps nobody from signing. */
static void encrypt_on_disk(int dir_fd, const char *name, const char *secret, gnutls_x509_privkey_t key) {
        _cleanup_bytes_ Bytes sealed = BYTES_NULL;

        if (sealed_key_write(key, secret, SEALED_BY_SECRET, &sealed) >= 0)
                (void) file_write_atomic(dir_fd, name, 0600, bytes_view(&sealed));
}

int issuer_read_key(int dir_fd, const char *name, const char *secret, gnutls_x509_crt_t crt,
                    gnutls_x509_privkey_t *ret) {
        _cleanup_(gnutls_x509_privkey_deinitp) gnutls_x509_privkey_t key = NULL;
        _cleanup_bytes_erase_ Bytes pem = BYTES_NULL;
        bool sealed;

        int r = read_file(dir_fd, name, SEALED_KEY_FILE_MAX, &pem);
        if (r >= 0)
                r = sealed_key_read(bytes_view(&pem), secret, &key, &sealed);
        if (r < 0)
                return r;
        if (!sealed_key_fits(key, crt))
                return -EBADMSG;
        if (secret && !sealed)
                encrypt_on_disk(dir_fd, name, secret, key);
        *ret = TAKE_PTR(key);
        return 0;
}

int issuer_load(int dir_fd, const char *certificate, const char *key, const char *secret, Issuer *ret) {
        _cleanup_(gnutls_x509_privkey_deinitp) gnutls_x509_privkey_t k = NULL;
        _cleanup_(issuer_done) Issuer i = {};

        int r = issuer_read_certificate(dir_fd, certificate, &i.crt, &i.der);
        if (r >= 0)
                r = issuer_read_key(dir_fd, key, secret, i.crt, &k);
        if (r < 0)
                return r;
        if (gnutls_privkey_init(&i.key) < 0)
                return -ENOMEM;
        if (gnutls_privkey_import_x509(i.key, k, GNUTLS_PRIVKEY_IMPORT_COPY) < 0)
                return -ENOMEM;
        i.key_id_size = sizeof(i.key_id);
        if (gnutls_x509_crt_get_subject_key_id(i.crt, i.key_id, &i.key_id_size, NULL) < 0)
                return -EBADMSG;
        i.not_after = gnutls_x509_crt_get_expiration_time(i.crt);
        *ret = TAKE_GENERIC(i, (Issuer) {});
        return 0;
}
