/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "protocol/gnutls-types.h"
#include "shared/certificate-authority.h"
#include "shared/files.h"

#define CA_LIFETIME (10LL * 365 * 86400) /* seconds */
#define KEY_ID_SIZE 20U
#define COMMON_NAME_MAX 64U              /* ub-common-name, RFC 5280 appendix A */

typedef struct Authority {
        gnutls_x509_crt_t crt;
        gnutls_x509_privkey_t key;
        char common_name[COMMON_NAME_MAX + 1];
} Authority;

static void authority_done(Authority *a) {
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
            gnutls_x509_crt_set_expiration_time(a->crt, now + CA_LIFETIME) < 0)
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

/* issuer: NULL for a root. */
static int authority_make(Authority *a, Authority *issuer, const char *name, const char *role, int64_t now) {
        (void) snprintf(a->common_name, sizeof(a->common_name), "%s %s", name, role);
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

static int authority_write(int dir_fd, const Authority *a, const char *certificate, const char *key) {
        _cleanup_datum_erase_ gnutls_datum_t secret = {};
        _cleanup_datum_ gnutls_datum_t pem = {};

        if (gnutls_x509_crt_export2(a->crt, GNUTLS_X509_FMT_PEM, &pem) < 0 ||
            gnutls_x509_privkey_export2_pkcs8(a->key, GNUTLS_X509_FMT_PEM, NULL, GNUTLS_PKCS_PLAIN,
                                              &secret) < 0)
                return -EIO;
        int r = file_write_new(dir_fd, key, 0600, datum_view(&secret));
        return r < 0 ? r : file_write_new(dir_fd, certificate, 0644, datum_view(&pem));
}

static int make_all(int dir_fd, const char *name, int64_t now) {
        _cleanup_(authority_done) Authority root = {}, intermediate = {};

        int r = authority_make(&root, NULL, name, "Root CA", now);
        if (r < 0)
                return r;
        r = authority_make(&intermediate, &root, name, "Intermediate CA", now);
        if (r < 0)
                return r;
        r = authority_write(dir_fd, &root, "root.pem", "root.key");
        if (r < 0)
                return r;
        r = authority_write(dir_fd, &intermediate, "intermediate.pem", "intermediate.key");
        if (r < 0)
                return r;
        return fsync(dir_fd) < 0 ? -errno : 0;
}

static int rename_new(int parent_fd, const char *from, const char *to) {
        if (renameat2(parent_fd, from, parent_fd, to, RENAME_NOREPLACE) >= 0)
                return 0;
        /* File systems without that flag (NFS): a plain rename replaces nothing but an empty directory. */
        if (errno == EINVAL && renameat(parent_fd, from, parent_fd, to) >= 0)
                return 0;
        return errno == ENOTEMPTY ? -EEXIST : -errno;
}

/* A name that fits a PrintableString: what every reader of certificates shows as it is. */
static bool name_valid(const char *name) {
        size_t n = strlen(name);

        if (n == 0 || n > CA_NAME_MAX || name[0] == ' ' || name[n - 1] == ' ')
                return false;
        for (size_t i = 0; i < n; i++) {
                char c = name[i];
                bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
                if (!letter && !strchr("0123456789 '()+,-./:=?", c))
                        return false;
        }
        return true;
}

/* A fixed name: what a crash left is removed by the next try, its keys with it. */
static int create_in(int parent_fd, const char *temporary, const char *base, const char *name, int64_t now) {
        int r = dir_remove(parent_fd, temporary);
        if (r < 0)
                return r;
        if (mkdirat(parent_fd, temporary, 0700) < 0)
                return -errno;

        _cleanup_close_ int fd = dir_open_at(parent_fd, temporary);
        r = fd < 0 ? fd : make_all(fd, name, now);
        if (r >= 0)
                r = rename_new(parent_fd, temporary, base);
        if (r < 0) {
                (void) dir_remove(parent_fd, temporary);
                return r;
        }
        return fsync(parent_fd) < 0 ? -errno : 0;
}

int certificate_authority_create(const char *dir, const char *name, int64_t now) {
        _cleanup_free_ char *parent = NULL, *temporary = NULL;
        const char *slash = strrchr(dir, '/'), *base = slash ? slash + 1 : dir;
        struct stat st;

        if (!name_valid(name) || !*base || now < AK_CERTIFICATE_BACKDATE || now > INT64_MAX - CA_LIFETIME)
                return -EINVAL;
        int r = path_parent(dir, &parent);
        if (r < 0)
                return r;
        if (asprintf(&temporary, ".%s.new", base) < 0)
                return -ENOMEM;
        _cleanup_close_ int fd = dir_open(parent);
        if (fd < 0)
                return fd;
        if (fstatat(fd, base, &st, AT_SYMLINK_NOFOLLOW) >= 0)
                return -EEXIST;
        return create_in(fd, temporary, base, name, now);
}
