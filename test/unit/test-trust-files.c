/* SPDX-License-Identifier: MIT */
#include "shared/trust-files.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "shared/files.h"
#include "test.h"

static char top[] = "/tmp/test-trust-files.XXXXXX";
static char *dir;

static int put(const char *der, const char *vendor, bool anchor, bool distrusted) {
        _cleanup_trust_entry_ TrustEntry e = { .place = { .anchors = anchor, .distrusted = distrusted },
                                               .record = { .added = 5, .uid = 6 } };

        strcpy(e.place.vendor, vendor);
        check_int(bytes_copy(VIEW_STR(der), &e.der), 0);
        check_int(trust_source_set(&e.record, der), 0);
        trust_fingerprint(VIEW_STR(der), e.fingerprint);
        return trust_files_put(dir, &e);
}

static int drop(const char *der, bool distrusted) {
        char fingerprint[TRUST_FINGERPRINT_TEXT + 1];

        trust_fingerprint(VIEW_STR(der), fingerprint);
        return trust_files_remove(dir, fingerprint, distrusted);
}

static size_t count(void) {
        _cleanup_trust_list_ TrustList l = {};

        check_int(trust_files_list(dir, &l), 0);
        return l.n;
}

/* Where it is, "-" for nowhere; it is there once at most, and can be read. */
static void check_place(const char *der, const char *expected) {
        _cleanup_trust_list_ TrustList l = {};
        char fingerprint[TRUST_FINGERPRINT_TEXT + 1], place[TRUST_PLACE_TEXT] = "-";
        unsigned n = 0;

        trust_fingerprint(VIEW_STR(der), fingerprint);
        check_int(trust_files_list(dir, &l), 0);
        for (size_t i = 0; i < l.n; i++) {
                if (strcmp(l.entries[i].fingerprint, fingerprint) != 0)
                        continue;
                _cleanup_trust_entry_ TrustEntry e = {};
                n++;
                trust_place_format(&l.entries[i].place, place);
                check_int(trust_files_read(dir, &l.entries[i], &e), 0);
                check_int(e.record.added, 5);
                check_int(e.record.uid, 6);
                check_str(e.record.source, der);
                check(view_equal(bytes_view(&e.der), VIEW_STR(der)));
        }
        check(n <= 1);
        check_str(place, expected);
}

static void test_changes(void) {
        struct stat st;

        check_int(count(), 0);
        check_int(drop("a", false), -ENOENT);
        check_int(put("a", "", false, false), 1);
        check_place("a", "");
        check_int(put("a", "", false, false), 0);
        check_int(put("a", "STM", false, false), 0); /* moves */
        check_place("a", "STM/");
        check_int(put("a", "STM", true, false), 0);
        check_place("a", "STM/anchors/");
        check_int(put("b", "IFX", false, false), 1);
        check_int(count(), 2);
        check_int(put("a", "", false, true), 1); /* distrusted is something new, and the end of the other */
        check_place("a", "distrusted/");
        check_int(drop("a", false), -ENOENT);
        check_int(put("a", "STM", false, false), 1);
        check_place("a", "STM/");
        check_int(drop("a", true), -ENOENT);
        check_int(drop("a", false), 0);
        check_place("a", "-");
        check_int(count(), 1);
        /* The front is another user. */
        check_int(stat(dir, &st), 0);
        check_int(st.st_mode & 0777, 0755);
}

static void test_others(void) {
        _cleanup_free_ char *path = NULL, *inside = NULL;
        _cleanup_trust_list_ TrustList l = {};
        TrustEntry e = {};

        check_int(path_join(dir, "README", &path), 0);
        check_int(file_write_atomic_path(path, 0644, VIEW_STR("x")), 0);
        check_int(count(), 1);
        /* Another certificate under its name, and no record at all. */
        check_int(trust_files_list(dir, &l), 0);
        check_int(asprintf(&inside, "%s/IFX/%s.pem", dir, l.entries[0].fingerprint) > 0, true);
        check_int(file_write_atomic_path(inside, 0644, VIEW_STR("x")), 0);
        check_int(trust_files_read(dir, &l.entries[0], &e), -EBADMSG);
        _cleanup_bytes_ Bytes other = BYTES_NULL;
        check_int(trust_record_encode(&(TrustRecord) {}, VIEW_STR("c"), &other), 0);
        check_int(file_write_atomic_path(inside, 0644, bytes_view(&other)), 0);
        check_int(trust_files_read(dir, &l.entries[0], &e), -EBADMSG);
        check_int(unlink(inside), 0);
        check_int(trust_files_read(dir, &l.entries[0], &e), -ENOENT);
}

int main(void) {
        check(mkdtemp(top));
        check_int(path_join(top, "ek-roots", &dir), 0);
        test_changes();
        test_others();
        free(dir);
        check_int(dir_remove(AT_FDCWD, top), 0);
        return EXIT_SUCCESS;
}
