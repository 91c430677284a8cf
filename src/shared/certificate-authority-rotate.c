/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <stdio.h>

#include "shared/certificate-authority-files.h"
#include "shared/certificate-authority-make.h"
#include "shared/certificate-issuer.h"
#include "shared/files.h"
#include "shared/sealed-key.h"

#define SERIAL_MAX 32U
#define NAME_MAX_RETIRED (sizeof(CA_RETIRED) + 2 * SERIAL_MAX + sizeof(".pem"))

/* --- The root's key --- */

int certificate_authority_root_key(const char *dir, const char *secret, Bytes *ret) {
        _cleanup_(gnutls_x509_privkey_deinitp) gnutls_x509_privkey_t key = NULL;
        _cleanup_(gnutls_x509_crt_deinitp) gnutls_x509_crt_t root = NULL;
        _cleanup_bytes_ Bytes der = BYTES_NULL;
        _cleanup_close_ int fd = dir_open(dir);

        if (fd < 0)
                return fd;
        if (faccessat(fd, CA_ROOT_KEY, F_OK, 0) < 0)
                return -errno;
        int r = issuer_read_certificate(fd, CA_ROOT_CERTIFICATE, &root, &der);
        if (r >= 0)
                r = issuer_read_key(fd, CA_ROOT_KEY, secret, root, &key);
        return r < 0 ? r : sealed_key_write(key, NULL, SEALED_BY_SECRET, ret);
}

int certificate_authority_remove_root_key(const char *dir) {
        _cleanup_close_ int fd = dir_open(dir);

        if (fd < 0)
                return fd;
        return unlinkat(fd, CA_ROOT_KEY, 0) < 0 || fsync(fd) < 0 ? -errno : 0;
}

/* --- Another intermediate --- */

static int load_root(int fd, const char *secret, ByteView root_key, Authority *ret) {
        _cleanup_bytes_ Bytes der = BYTES_NULL;
        bool sealed;

        int r = issuer_read_certificate(fd, CA_ROOT_CERTIFICATE, &ret->crt, &der);
        if (r < 0)
                return r;
        if (root_key.size == 0) {
                if (faccessat(fd, CA_ROOT_KEY, F_OK, 0) < 0)
                        return -errno;
                return issuer_read_key(fd, CA_ROOT_KEY, secret, ret->crt, &ret->key);
        }
        r = sealed_key_read(root_key, NULL, &ret->key, &sealed);
        if (r == -EBADMSG || (r >= 0 && !sealed_key_fits(ret->key, ret->crt)))
                return -EKEYREJECTED;
        return r;
}

/* "X Intermediate CA" is followed by "X Intermediate CA 2", "… 3": two CAs of one name would not be told apart. */
static int next_name(gnutls_x509_crt_t crt, char ret[static CA_COMMON_NAME_MAX + 1]) {
        char name[CA_COMMON_NAME_MAX + 1];
        size_t n = sizeof(name);
        unsigned long number = 1;

        if (gnutls_x509_crt_get_dn_by_oid(crt, GNUTLS_OID_X520_COMMON_NAME, 0, 0, name, &n) < 0)
                return -EBADMSG;
        char *space = strrchr(name, ' ');
        if (space && space[1] >= '1' && space[1] <= '9' && strspn(space + 1, "0123456789") == strlen(space + 1)) {
                number = strtoul(space + 1, NULL, 10);
                *space = 0;
        }
        int k = snprintf(ret, CA_COMMON_NAME_MAX + 1, "%s %lu", name, number + 1);
        return k > (int) CA_COMMON_NAME_MAX ? -EBADMSG : 0;
}

static int retire_file(int fd, const char *name, const char *serial, const char *suffix, mode_t mode) {
        _cleanup_bytes_erase_ Bytes content = BYTES_NULL;
        char to[NAME_MAX_RETIRED + 1];

        (void) snprintf(to, sizeof(to), CA_RETIRED "%s%s", serial, suffix);
        int r = file_read_at(fd, name, SEALED_KEY_FILE_MAX, &content);
        return r < 0 ? r : file_write_atomic(fd, to, mode, bytes_view(&content));
}

/* Copies: until the new pair is in its place, the old one is in use. */
static int retire(int fd, const Issuer *old) {
        uint8_t serial[SERIAL_MAX];
        char text[2 * SERIAL_MAX + 1];
        size_t n = sizeof(serial);

        if (gnutls_x509_crt_get_serial(old->crt, serial, &n) < 0)
                return -EBADMSG;
        hex_encode(VIEW(serial, n), text);
        int r = retire_file(fd, CA_KEY, text, ".key", 0600);
        return r < 0 ? r : retire_file(fd, CA_CERTIFICATE, text, ".pem", 0644);
}

static int remove_left(int fd) {
        if ((unlinkat(fd, CA_NEXT_KEY, 0) < 0 && errno != ENOENT) ||
            (unlinkat(fd, CA_NEXT_CERTIFICATE, 0) < 0 && errno != ENOENT))
                return -errno;
        return 0;
}

/* After the first rename the new pair counts, even if there is no second one: certificate_authority_load() does it. */
static int put_in_place(int fd, const Authority *next, const char *secret) {
        int r = remove_left(fd);
        if (r >= 0)
                r = authority_write(fd, next, CA_NEXT_CERTIFICATE, CA_NEXT_KEY, secret);
        if (r < 0)
                return r;
        if (fsync(fd) < 0 || renameat(fd, CA_NEXT_KEY, fd, CA_KEY) < 0 || fsync(fd) < 0 ||
            renameat(fd, CA_NEXT_CERTIFICATE, fd, CA_CERTIFICATE) < 0 || fsync(fd) < 0)
                return -errno;
        return 0;
}

int certificate_authority_rotate(const char *dir, const CertificateAuthorityTerms *t, ByteView root_key) {
        _cleanup_(authority_done) Authority root = {}, next = {};
        _cleanup_(issuer_done) Issuer old = {};
        _cleanup_close_ int fd = dir_open(dir);

        if (fd < 0)
                return fd;
        int r = load_root(fd, t->secret, root_key, &root);
        if (r >= 0)
                r = issuer_load(fd, CA_CERTIFICATE, CA_KEY, t->secret, &old);
        if (r >= 0)
                r = next_name(old.crt, next.common_name);
        if (r < 0)
                return r;
        next.not_after = MIN_OF(t->now + CA_LIFETIME, (int64_t) gnutls_x509_crt_get_expiration_time(root.crt));
        if (next.not_after <= t->now)
                return -ESTALE;
        r = authority_make(&next, &root, t->now);
        if (r >= 0)
                r = retire(fd, &old);
        return r < 0 ? r : put_in_place(fd, &next, t->secret);
}
