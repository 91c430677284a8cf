/* SPDX-License-Identifier: MIT */
#include "shared/ca-roots.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <gnutls/x509.h>

#include "shared/files.h"

typedef struct Roots {
        int fd;
        CaRootsSkipped skipped;
        void *userdata;
} Roots;

static void skip(const Roots *roots, const char *where, int error) {
        if (roots->skipped)
                roots->skipped(where, error, roots->userdata);
}

static int write_all(int fd, ByteView v) {
        while (v.size > 0) {
                ssize_t n = write(fd, v.data, v.size);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                v = VIEW(v.data + n, v.size - (size_t) n);
        }
        return write(fd, "\n", 1) < 0 ? -errno : 0;
}

/* One bad file would make curl refuse all of them. */
static bool holds_certificates(ByteView pem) {
        gnutls_datum_t datum = { .data = (unsigned char *) pem.data, .size = (unsigned) pem.size };
        gnutls_x509_crt_t *list = NULL;
        unsigned n = 0;

        if (pem.size == 0 || gnutls_x509_crt_list_import2(&list, &n, &datum, GNUTLS_X509_FMT_PEM, 0) < 0)
                return false;
        for (unsigned i = 0; i < n; i++)
                gnutls_x509_crt_deinit(list[i]);
        gnutls_free(list);
        return n > 0;
}

static int add_pem(const Roots *roots, ByteView pem, const char *where) {
        if (!holds_certificates(pem)) {
                skip(roots, where, -EBADMSG);
                return 0;
        }
        return write_all(roots->fd, pem);
}

static int add_file(const Roots *roots, int dir_fd, const char *name) {
        _cleanup_bytes_ Bytes pem = BYTES_NULL;

        int r = file_read_at(dir_fd, name, CA_ROOTS_FILE_MAX, &pem);
        if (r == -ENOMEM)
                return r;
        if (r < 0) {
                if (r != -ENOENT)
                        skip(roots, name, r);
                return r == -ENOENT ? r : 0;
        }
        return add_pem(roots, bytes_view(&pem), name);
}

/* The first that is there: Debian and its kin, Fedora, SUSE, others. */
static int add_system(const Roots *roots) {
        static const char *const bundles[] = {
                "/etc/ssl/certs/ca-certificates.crt",
                "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
                "/etc/ssl/ca-bundle.pem",
                "/etc/ssl/cert.pem",
        };

        for (size_t i = 0; i < ELEMENTSOF(bundles); i++) {
                int r = add_file(roots, AT_FDCWD, bundles[i]);
                if (r != -ENOENT)
                        return r;
        }
        return 0;
}

static void closedirp(DIR **d) {
        if (*d)
                (void) closedir(*d);
}

static bool is_pem_name(const char *name) {
        size_t n = strlen(name);
        return name[0] != '.' && n > 4 && strcmp(name + n - 4, ".pem") == 0;
}

static int add_directory(const Roots *roots, const char *path) {
        _cleanup_(closedirp) DIR *d = opendir(path);
        unsigned n = 0;

        if (!d)
                return errno == ENOENT ? 0 : -errno;
        for (struct dirent *de; (de = readdir(d));) {
                if (!is_pem_name(de->d_name))
                        continue;
                if (++n > CA_ROOTS_FILES_MAX)
                        return -E2BIG;
                int r = add_file(roots, dirfd(d), de->d_name);
                if (r < 0 && r != -ENOENT)
                        return r;
        }
        return 0;
}

int ca_roots_open(const char *ca_dir, ByteView pem, CaRootsSkipped skipped, void *userdata, int *ret_fd) {
        int r;

        _cleanup_close_ int fd = memfd_create("attezt-tls-roots", MFD_CLOEXEC);
        if (fd < 0)
                return -errno;
        const Roots roots = { .fd = fd, .skipped = skipped, .userdata = userdata };
        if ((r = add_system(&roots)) < 0)
                return r;
        if (ca_dir && (r = add_directory(&roots, ca_dir)) < 0)
                return r;
        if (pem.size > 0 && (r = add_pem(&roots, pem, "The roots that came with the job")) < 0)
                return r;
        *ret_fd = TAKE_FD(fd);
        return 0;
}
