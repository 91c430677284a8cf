/* SPDX-License-Identifier: MIT */
#include "shared/trust-store.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "protocol/gnutls-types.h"
#include "shared/files.h"

#define PEM_BEGIN "-----BEGIN CERTIFICATE-----"
#define PEM_END "-----END CERTIFICATE-----"

/* A file that is still to be read. */
typedef struct Found {
        char *path;
        TrustPlace place;
} Found;

struct TrustLoader {
        EkTrust *trust;
        const EkPolicy *policy;
        TrustStoreCallbacks callbacks;
        void *userdata;
        Found *found;
        size_t n, room;
        size_t next;      /* of the pass over found: first those that take out of trust, then the others */
        bool others;
        const char *path; /* of the file that is being read */
        TrustPlace place; /* … and where it is, or of the folder that is being looked through */
};

typedef struct TrustLoader Loader;

static void skip(const Loader *l, const char *path, int error) {
        if (l->callbacks.skipped)
                l->callbacks.skipped(path, error, l->userdata);
}

static int distrust(Loader *l, ByteView der) {
        int r = ek_trust_distrust(l->trust, der);
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

/* --- Which files there are --- */

static int note_file(Loader *l, const char *path) {
        if (l->n >= TRUST_STORE_FILES_MAX)
                return -E2BIG;
        if (l->n == l->room) {
                size_t room = MAX_OF(2 * l->room, (size_t) 64);
                Found *found = reallocarray(l->found, room, sizeof(*found));
                if (!found)
                        return -ENOMEM;
                l->found = found;
                l->room = room;
        }
        char *copy = strdup(path);
        if (!copy)
                return -ENOMEM;
        l->found[l->n++] = (Found) { .path = copy, .place = l->place };
        return 0;
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
        return note_file(l, path);
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

int trust_loader_new(const char *const *directories, const EkPolicy *policy, const TrustStoreCallbacks *callbacks,
                     void *userdata, TrustLoader **ret) {
        _cleanup_(trust_loader_freep) TrustLoader *l = calloc(1, sizeof(*l));

        if (!l)
                return -ENOMEM;
        *l = (TrustLoader) { .policy = policy, .userdata = userdata };
        if (callbacks)
                l->callbacks = *callbacks;
        for (const char *const *dir = directories; *dir; dir++) {
                int r = add_directory(l, *dir, 1);
                if (r == -ENOMEM)
                        return r;
                if (r < 0 && r != -ENOENT)
                        skip(l, *dir, r);
        }
        *ret = TAKE_PTR(l);
        return 0;
}

TrustLoader *trust_loader_free(TrustLoader *l) {
        if (!l)
                return NULL;
        for (size_t i = 0; i < l->n; i++)
                free(l->found[i].path);
        free(l->found);
        free(l);
        return NULL;
}

/* --- What is in them --- */

static int add_file(Loader *l, const Found *f) {
        _cleanup_bytes_ Bytes b = BYTES_NULL;

        int r = file_read(f->path, TRUST_STORE_FILE_MAX, &b);
        if (r < 0)
                return r;
        l->path = f->path;
        l->place = f->place;
        return trust_store_each(bytes_view(&b), add, l);
}

int trust_loader_read(TrustLoader *l, EkTrust *trust, size_t max) {
        l->trust = trust;
        while (max > 0) {
                if (l->next == l->n && l->others)
                        return 0;
                if (l->next == l->n) {
                        l->next = 0;
                        l->others = true;
                        continue;
                }
                const Found *f = l->found + l->next++;
                if (f->place.distrusted == l->others)
                        continue;
                max--;
                int r = add_file(l, f);
                if (r == -ENOMEM)
                        return r;
                if (r < 0 && (r != -ENOENT || faccessat(AT_FDCWD, f->path, F_OK, AT_SYMLINK_NOFOLLOW) >= 0))
                        skip(l, f->path, r); /* else it is gone in the meantime */
        }
        return 1;
}

int trust_store_load_into(EkTrust *trust, const char *const *directories, const EkPolicy *policy,
                          const TrustStoreCallbacks *callbacks, void *userdata) {
        _cleanup_(trust_loader_freep) TrustLoader *l = NULL;

        int r = trust_loader_new(directories, policy, callbacks, userdata, &l);
        return r < 0 ? r : trust_loader_read(l, trust, SIZE_MAX);
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
