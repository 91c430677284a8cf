/* SPDX-License-Identifier: MIT */
#include "shared/trust-files.h"

#include <dirent.h>
#include <stdio.h>

#include "shared/files.h"

#define SUFFIX ".pem"
#define DEPTH_MAX 3U /* STM/anchors/ */
#define PATH_TEXT (TRUST_PLACE_TEXT + TRUST_FINGERPRINT_TEXT + sizeof(SUFFIX))

void trust_entry_done(TrustEntry *e) {
        bytes_done(&e->der);
        *e = (TrustEntry) {};
}

void trust_list_done(TrustList *l) {
        free(l->entries);
        *l = (TrustList) {};
}

/* --- What is there --- */

static int append(TrustList *l, const char *name, const TrustPlace *place) {
        struct TrustListed e = { .place = *place };

        if (strlen(name) != TRUST_FINGERPRINT_TEXT + strlen(SUFFIX) ||
            strcmp(name + TRUST_FINGERPRINT_TEXT, SUFFIX) != 0)
                return 0;
        memcpy(e.fingerprint, name, TRUST_FINGERPRINT_TEXT);
        if (strspn(e.fingerprint, "0123456789abcdef") != TRUST_FINGERPRINT_TEXT)
                return 0;
        struct TrustListed *more = reallocarray(l->entries, l->n + 1, sizeof(*more));
        if (!more)
                return -ENOMEM;
        l->entries = more;
        more[l->n++] = e;
        return 0;
}

static void closedirp(DIR **d) {
        if (*d)
                (void) closedir(*d);
}

static int walk(const char *dir, const TrustPlace *place, unsigned depth, TrustList *l) {
        _cleanup_(closedirp) DIR *d = opendir(dir);
        if (!d)
                return errno == ENOENT ? 0 : -errno;

        for (struct dirent *de; (errno = 0, de = readdir(d));) {
                if (de->d_name[0] == '.')
                        continue;
                int r = append(l, de->d_name, place);
                if (r >= 0 && de->d_type == DT_DIR && depth < DEPTH_MAX) {
                        _cleanup_free_ char *below = NULL;
                        TrustPlace inside = *place;

                        trust_place_enter(&inside, de->d_name);
                        r = path_join(dir, de->d_name, &below);
                        if (r >= 0)
                                r = walk(below, &inside, depth + 1, l);
                }
                if (r < 0)
                        return r;
        }
        return -errno;
}

static int compare(const void *a, const void *b) {
        const struct TrustListed *x = a, *y = b;
        int c = strcmp(x->fingerprint, y->fingerprint);

        return c != 0 ? c : (int) x->place.distrusted - (int) y->place.distrusted;
}

int trust_files_list(const char *dir, TrustList *ret) {
        _cleanup_trust_list_ TrustList l = {};

        int r = walk(dir, &(TrustPlace) {}, 1, &l);
        if (r < 0)
                return r;
        if (l.n > 0)
                qsort(l.entries, l.n, sizeof(*l.entries), compare);
        *ret = TAKE_GENERIC(l, (TrustList) {});
        return 0;
}

static int path_of(const char *dir, const char *fingerprint, const TrustPlace *place, char **ret) {
        char folders[TRUST_PLACE_TEXT], below[PATH_TEXT];

        trust_place_format(place, folders);
        (void) snprintf(below, sizeof(below), "%s%s" SUFFIX, folders, fingerprint);
        return path_join(dir, below, ret);
}

int trust_files_read(const char *dir, const struct TrustListed *l, TrustEntry *ret) {
        _cleanup_trust_entry_ TrustEntry e = { .place = l->place };
        _cleanup_bytes_ Bytes text = BYTES_NULL;
        _cleanup_free_ char *path = NULL;

        int r = path_of(dir, l->fingerprint, &l->place, &path);
        if (r >= 0)
                r = file_read(path, TRUST_RECORD_MAX, &text);
        if (r >= 0)
                r = trust_record_decode(bytes_view(&text), &e.record, &e.der);
        if (r < 0)
                return r;
        trust_fingerprint(bytes_view(&e.der), e.fingerprint);
        if (strcmp(e.fingerprint, l->fingerprint) != 0)
                return -EBADMSG;
        *ret = TAKE_GENERIC(e, (TrustEntry) {});
        return 0;
}

/* --- Changes --- */

static int remove_file(const char *dir, const struct TrustListed *l) {
        _cleanup_free_ char *path = NULL;

        int r = path_of(dir, l->fingerprint, &l->place, &path);
        if (r < 0)
                return r;
        if (unlink(path) < 0)
                return errno == ENOENT ? 0 : -errno;
        return dir_fsync_parent(path);
}

static bool is_at(const struct TrustListed *l, const TrustPlace *p) {
        return strcmp(l->place.vendor, p->vendor) == 0 && l->place.anchors == p->anchors &&
               l->place.distrusted == p->distrusted;
}

/* Folder by folder, since each has to be durable in the one above. */
static int make_folders(const char *dir, const TrustPlace *place) {
        const char *names[] = { place->distrusted ? TRUST_FOLDER_DISTRUSTED : place->vendor,
                                place->anchors && !place->distrusted ? TRUST_FOLDER_ANCHORS : "" };
        _cleanup_free_ char *path = strdup(dir);
        int r = path ? dir_make(path, 0755) : -ENOMEM;

        for (size_t i = 0; i < ELEMENTSOF(names) && r >= 0; i++) {
                _cleanup_free_ char *next = NULL;

                if (!names[i][0])
                        continue;
                r = path_join(path, names[i], &next);
                if (r >= 0)
                        r = dir_make(next, 0755);
                if (r >= 0)
                        r = dir_fsync(path);
                if (r >= 0) {
                        free(path);
                        path = TAKE_PTR(next);
                }
        }
        return r < 0 ? r : dir_fsync_parent(dir);
}

static int write_entry(const char *dir, const TrustEntry *e) {
        _cleanup_bytes_ Bytes text = BYTES_NULL;
        _cleanup_free_ char *path = NULL;

        int r = path_of(dir, e->fingerprint, &e->place, &path);
        if (r >= 0)
                r = trust_record_encode(&e->record, bytes_view(&e->der), &text);
        if (r >= 0)
                r = make_folders(dir, &e->place);
        return r < 0 ? r : file_write_atomic_path(path, 0644, bytes_view(&text));
}

int trust_files_put(const char *dir, const TrustEntry *e) {
        _cleanup_trust_list_ TrustList l = {};
        bool there = false;

        int r = trust_files_list(dir, &l);
        if (r < 0)
                return r;
        for (size_t i = 0; i < l.n; i++)
                there |= strcmp(l.entries[i].fingerprint, e->fingerprint) == 0 &&
                         l.entries[i].place.distrusted == e->place.distrusted;
        if (!there && l.n >= TRUST_KEPT_MAX)
                return -E2BIG;
        r = write_entry(dir, e);
        /* Elsewhere it would say something else; where it is distrusted, that would win. */
        for (size_t i = 0; i < l.n && r >= 0; i++)
                if (strcmp(l.entries[i].fingerprint, e->fingerprint) == 0 && !is_at(&l.entries[i], &e->place))
                        r = remove_file(dir, &l.entries[i]);
        return r < 0 ? r : !there;
}

int trust_files_remove(const char *dir, const char *fingerprint, bool distrusted) {
        _cleanup_trust_list_ TrustList l = {};
        bool there = false;

        int r = trust_files_list(dir, &l);
        for (size_t i = 0; r >= 0 && i < l.n; i++)
                if (strcmp(l.entries[i].fingerprint, fingerprint) == 0 &&
                    l.entries[i].place.distrusted == distrusted) {
                        there = true;
                        r = remove_file(dir, &l.entries[i]);
                }
        return r < 0 ? r : there ? 0 : -ENOENT;
}
