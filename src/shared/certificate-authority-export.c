/* SPDX-License-Identifier: MIT */
#include <dirent.h>

#include "shared/certificate-authority.h"
#include "shared/files.h"
#include "shared/sealed-key.h"

static bool ends_in(const char *name, const char *suffix) {
        size_t n = strlen(name), m = strlen(suffix);
        return n > m && strcmp(name + n - m, suffix) == 0;
}

static int open_key(const char *secret, Bytes *content) {
        _cleanup_(gnutls_x509_privkey_deinitp) gnutls_x509_privkey_t key = NULL;
        _cleanup_bytes_erase_ Bytes plain = BYTES_NULL;
        bool sealed;

        int r = sealed_key_read(bytes_view(content), secret, &key, &sealed);
        if (r >= 0)
                r = sealed_key_write(key, NULL, SEALED_BY_SECRET, &plain);
        if (r < 0)
                return r;
        bytes_erase(content);
        *content = TAKE_BYTES(plain);
        return 0;
}

static int visit_file(int dir_fd, const char *name, const char *secret, const CertificateAuthorityVisitor *v) {
        _cleanup_bytes_erase_ Bytes content = BYTES_NULL;

        if (name[0] == '.' || (!ends_in(name, ".pem") && !ends_in(name, ".key")))
                return 0;
        int r = file_read_at(dir_fd, name, SEALED_KEY_FILE_MAX, &content);
        if (r >= 0 && ends_in(name, ".key"))
                r = open_key(secret, &content);
        return r < 0 ? r : v->visit(name, bytes_view(&content), v->userdata);
}

int certificate_authority_visit(const char *dir, const char *secret, const CertificateAuthorityVisitor *v) {
        int fd = dir_open(dir), r = 0;
        if (fd < 0)
                return fd;
        DIR *d = fdopendir(fd);
        if (!d) {
                (void) close(fd);
                return -ENOMEM;
        }
        for (struct dirent *e; r >= 0 && (e = readdir(d));)
                r = visit_file(fd, e->d_name, secret, v);
        (void) closedir(d);
        return r;
}
