/* SPDX-License-Identifier: MIT */
#include "shared/trust-store.h"

#include <dirent.h>
#include <sys/stat.h>

#include "protocol/gnutls-types.h"
#include "shared/files.h"

#define PEM_BEGIN "-----BEGIN CERTIFICATE-----"
#define PEM_END "-----END CERTIFICATE-----"

typedef struct Loader {
        EkTrust *trust;
        TrustStoreSkipped skipped;
        void *userdata;
        unsigned n_files;
} Loader;

static void skip(const Loader *l, const char *path, int error) {
        if (l->skipped)
                l->skipped(path, error, l->userdata);
}

/* The same certificate in two files (or twice in one) is no mistake. */
static int add(Loader *l, ByteView der) {
        int r = ek_trust_add(l->trust, der);
        return r == -EEXIST ? 0 : r;
}

static ByteView find(ByteView in, const char *text) {
        const uint8_t *p = in.size > 0 ? memmem(in.data, in.size, text, strlen(text)) : NULL;
        return p ? VIEW(p, in.size - (size_t) (p - in.data)) : VIEW_NULL;
}

/* Every certificate counts for itself; the first error is the file's. */
static int add_pem(Loader *l, ByteView text) {
        int result = 0;

        for (ByteView block; (block = find(text, PEM_BEGIN)).data;) {
                _cleanup_datum_ gnutls_datum_t der = {};
                ByteView end = find(block, PEM_END);

                if (!end.data)
                        return result < 0 ? result : -EINVAL;
                text = VIEW(end.data + strlen(PEM_END), end.size - strlen(PEM_END));
                gnutls_datum_t d = datum_of(VIEW(block.data, block.size - text.size));
                int r = gnutls_pem_base64_decode2("CERTIFICATE", &d, &der);
                r = r < 0 ? -EINVAL : add(l, datum_view(&der));
                if (r == -ENOMEM)
                        return r;
                if (r < 0 && result >= 0)
                        result = r;
        }
        return result;
}

static int add_file(Loader *l, const char *path) {
        _cleanup_bytes_ Bytes b = BYTES_NULL;

        int r = file_read(path, TRUST_STORE_FILE_MAX, &b);
        if (r < 0)
                return r;
        return find(bytes_view(&b), PEM_BEGIN).data ? add_pem(l, bytes_view(&b)) : add(l, bytes_view(&b));
}

static int add_directory(Loader *l, const char *path, unsigned depth);

/* Links are followed: /etc/ssl is full of them. What runs in a circle ends at TRUST_STORE_DEPTH_MAX. */
static int add_entry(Loader *l, const char *path, unsigned depth) {
        struct stat st;

        if (stat(path, &st) < 0)
                return -errno;
        if (S_ISDIR(st.st_mode))
                return depth >= TRUST_STORE_DEPTH_MAX ? -ELOOP : add_directory(l, path, depth + 1);
        if (l->n_files >= TRUST_STORE_FILES_MAX)
                return -E2BIG;
        l->n_files++;
        return add_file(l, path);
}

static void closedirp(DIR **d) {
        if (*d)
                (void) closedir(*d);
}

/* Fails for -ENOMEM and for a directory that cannot be read; what is wrong below is reported where it is. */
static int add_directory(Loader *l, const char *path, unsigned depth) {
        _cleanup_(closedirp) DIR *d = opendir(path);
        if (!d)
                return -errno;

        for (struct dirent *de; (errno = 0, de = readdir(d));) {
                _cleanup_free_ char *entry = NULL;

                if (de->d_name[0] == '.') /* also what an editor or a package manager has not finished */
                        continue;
                int r = path_join(path, de->d_name, &entry);
                if (r < 0)
                        return r;
                r = add_entry(l, entry, depth);
                if (r == -ENOMEM)
                        return r;
                if (r < 0)
                        skip(l, entry, r);
        }
        return -errno;
}

int trust_store_load(const char *const *directories, TrustStoreSkipped skipped, void *userdata,
                     EkTrust **ret) {
        _cleanup_(ek_trust_freep) EkTrust *trust = NULL;

        int r = ek_trust_new(&trust);
        if (r < 0)
                return r;

        Loader l = { .trust = trust, .skipped = skipped, .userdata = userdata };
        for (const char *const *dir = directories; *dir; dir++) {
                r = add_directory(&l, *dir, 1);
                if (r == -ENOMEM)
                        return r;
                if (r < 0 && r != -ENOENT)
                        skip(&l, *dir, r);
        }
        *ret = TAKE_PTR(trust);
        return 0;
}
