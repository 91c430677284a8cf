/* SPDX-License-Identifier: MIT */
#include "shared/trust-store.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "protocol/gnutls-types.h"
#include "shared/files.h"

#define PEM_BEGIN "-----BEGIN CERTIFICATE-----"
#define PEM_END "-----END CERTIFICATE-----"

typedef struct Loader {
        EkTrust *trust;
        const EkPolicy *policy;
        TrustStoreCallbacks callbacks;
        void *userdata;
        bool distrusted; /* this pass looks at those only */
        unsigned n_files;
        const char *path; /* of the file that is being read */
        TrustPlace place; /* … and where it is */
} Loader;

/* Each is told by the pass that it concerns. */
static void skip(const Loader *l, const char *path, int error) {
        if (l->callbacks.skipped && l->distrusted == l->place.distrusted)
                l->callbacks.skipped(path, error, l->userdata);
}

static int distrust(Loader *l, ByteView der) {
        CertificateParts parts;

        int r = certificate_parts(der, &parts);
        if (r >= 0)
                r = ek_trust_distrust(l->trust, der);
        if (r >= 0 && l->callbacks.distrusted)
                l->callbacks.distrusted(l->path, der, l->userdata);
        return r;
}

/* The same certificate in two files (or twice in one) is no mistake, and one that was taken out of trust is none. */
static int add(ByteView der, void *userdata) {
        Loader *l = userdata;
        const EkOrigin origin = {
                .vendor = l->place.vendor,
                .allow = l->policy ? ek_policy_allow(l->policy, l->place.vendor) : 0,
                .anchor = l->place.anchors,
        };
        const EkIssuer *issuer = NULL;

        if (l->place.distrusted)
                return distrust(l, der);
        int r = ek_trust_add(l->trust, der, &origin, &issuer);
        if (issuer && l->callbacks.loaded)
                l->callbacks.loaded(l->path, issuer, r >= 0, l->userdata);
        return r == -EEXIST || r == -EKEYREVOKED ? 0 : r;
}

static ByteView find(ByteView in, const char *text) {
        const uint8_t *p = in.size > 0 ? memmem(in.data, in.size, text, strlen(text)) : NULL;
        return p ? VIEW(p, in.size - (size_t) (p - in.data)) : VIEW_NULL;
}

/* Every certificate counts for itself; the first error is the file's. */
static int each_pem(ByteView text, int (*func)(ByteView der, void *userdata), void *userdata) {
        int result = 0;

        for (ByteView block; (block = find(text, PEM_BEGIN)).data;) {
                _cleanup_datum_ gnutls_datum_t der = {};
                ByteView end = find(block, PEM_END);

                if (!end.data)
                        return result < 0 ? result : -EINVAL;
                text = VIEW(end.data + strlen(PEM_END), end.size - strlen(PEM_END));
                gnutls_datum_t d = datum_of(VIEW(block.data, block.size - text.size));
                int r = gnutls_pem_base64_decode2("CERTIFICATE", &d, &der);
                r = r < 0 ? -EINVAL : func(datum_view(&der), userdata);
                if (r == -ENOMEM)
                        return r;
                if (r < 0 && result >= 0)
                        result = r;
        }
        return result;
}

int trust_store_each(ByteView content, int (*func)(ByteView der, void *userdata), void *userdata) {
        return find(content, PEM_BEGIN).data ? each_pem(content, func, userdata) : func(content, userdata);
}

static int add_file(Loader *l, const char *path) {
        _cleanup_bytes_ Bytes b = BYTES_NULL;

        if (l->distrusted != l->place.distrusted)
                return 0;
        int r = file_read(path, TRUST_STORE_FILE_MAX, &b);
        if (r < 0)
                return r;
        l->path = path;
        return trust_store_each(bytes_view(&b), add, l);
}

static int add_directory(Loader *l, const char *path, unsigned depth);

/* A folder within one of the directories; its name is the part after the last slash. */
static int add_folder(Loader *l, const char *path, unsigned depth) {
        const char *name = strrchr(path, '/') + 1;
        TrustPlace before = l->place;

        trust_place_enter(&l->place, name);
        int r = add_directory(l, path, depth);
        l->place = before;
        return r;
}

/* Links are followed: /etc/ssl is full of them. What runs in a circle ends at TRUST_STORE_DEPTH_MAX. */
static int add_entry(Loader *l, const char *path, unsigned depth) {
        struct stat st;

        if (stat(path, &st) < 0)
                return -errno;
        if (S_ISDIR(st.st_mode))
                return depth >= TRUST_STORE_DEPTH_MAX ? -ELOOP : add_folder(l, path, depth + 1);
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
                if (r == -ENOENT && faccessat(AT_FDCWD, entry, F_OK, AT_SYMLINK_NOFOLLOW) < 0)
                        continue; /* gone in the meantime */
                if (r == -ENOMEM)
                        return r;
                if (r < 0)
                        skip(l, entry, r);
        }
        return -errno;
}

static int load_pass(Loader *l, const char *const *directories) {
        l->n_files = 0;
        for (const char *const *dir = directories; *dir; dir++) {
                int r = add_directory(l, *dir, 1);
                if (r == -ENOMEM)
                        return r;
                if (r < 0 && r != -ENOENT)
                        skip(l, *dir, r);
        }
        return 0;
}

int trust_store_load_into(EkTrust *trust, const char *const *directories, const EkPolicy *policy,
                          const TrustStoreCallbacks *callbacks, void *userdata) {
        Loader l = { .trust = trust, .policy = policy, .userdata = userdata, .distrusted = true };

        if (callbacks)
                l.callbacks = *callbacks;
        int r = load_pass(&l, directories);
        if (r < 0)
                return r;
        l.distrusted = false;
        return load_pass(&l, directories);
}

int trust_store_load(const char *const *directories, const EkPolicy *policy, const TrustStoreCallbacks *callbacks,
                     void *userdata, EkTrust **ret) {
        _cleanup_(ek_trust_freep) EkTrust *trust = NULL;

        int r = ek_trust_new(&trust);
        if (r >= 0)
                r = trust_store_load_into(trust, directories, policy, callbacks, userdata);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(trust);
        return 0;
}
