/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "shared/certificate-authority-make.h"
#include "shared/files.h"

#define ROLE_ROOT "Root CA"
#define ROLE_INTERMEDIATE "Intermediate CA"

static int make_all(int dir_fd, const CertificateAuthorityTerms *t) {
        _cleanup_(authority_done) Authority root = { .not_after = t->now + CA_LIFETIME },
                                            intermediate = { .not_after = t->now + CA_LIFETIME };

        (void) snprintf(root.common_name, sizeof(root.common_name), "%s " ROLE_ROOT, t->name);
        (void) snprintf(intermediate.common_name, sizeof(intermediate.common_name), "%s " ROLE_INTERMEDIATE, t->name);
        int r = authority_make(&root, NULL, t->now);
        if (r < 0)
                return r;
        r = authority_make(&intermediate, &root, t->now);
        if (r < 0)
                return r;
        r = authority_write(dir_fd, &root, "root.pem", "root.key", t->secret);
        if (r < 0)
                return r;
        r = authority_write(dir_fd, &intermediate, "intermediate.pem", "intermediate.key", t->secret);
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
static int create_in(int parent_fd, const char *temporary, const char *base, const CertificateAuthorityTerms *t) {
        int r = dir_remove(parent_fd, temporary);
        if (r < 0)
                return r;
        if (mkdirat(parent_fd, temporary, 0700) < 0)
                return -errno;

        _cleanup_close_ int fd = dir_open_at(parent_fd, temporary);
        r = fd < 0 ? fd : make_all(fd, t);
        if (r >= 0)
                r = rename_new(parent_fd, temporary, base);
        if (r < 0) {
                (void) dir_remove(parent_fd, temporary);
                return r;
        }
        return fsync(parent_fd) < 0 ? -errno : 0;
}

int certificate_authority_create(const char *dir, const CertificateAuthorityTerms *t) {
        _cleanup_free_ char *parent = NULL, *temporary = NULL;
        const char *slash = strrchr(dir, '/'), *base = slash ? slash + 1 : dir;
        struct stat st;

        if (!name_valid(t->name) || !*base || t->now < AK_CERTIFICATE_BACKDATE || t->now > INT64_MAX - CA_LIFETIME)
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
        return create_in(fd, temporary, base, t);
}
