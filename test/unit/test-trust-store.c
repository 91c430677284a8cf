/* SPDX-License-Identifier: MIT */
#include "shared/trust-store.h"

#include <fcntl.h>
#include <openssl/ec.h>
#include <sys/stat.h>

#include "certificates.h"
#include "shared/files.h"

static char top[] = "/tmp/test-trust-store.XXXXXX";
static int top_fd;

typedef struct Skipped {
        unsigned n;
        int error;
        char path[256];
} Skipped;

static void on_skipped(const char *path, int error, void *userdata) {
        Skipped *s = userdata;

        s->n++;
        s->error = error;
        (void) snprintf(s->path, sizeof(s->path), "%s", path);
}

static size_t load(const char *const *directories, Skipped *ret) {
        EkTrust *t;

        *ret = (Skipped) {};
        check_int(trust_store_load(directories, NULL, &(TrustStoreCallbacks) { .skipped = on_skipped }, ret, &t), 0);
        size_t n = ek_trust_count(t);
        ek_trust_free(t);
        return n;
}

/* A CA with its own name. */
static Bytes ca(char letter) {
        EVP_PKEY *k = EVP_EC_gen("P-256");
        char name[64];

        (void) snprintf(name, sizeof(name), "300c 310a 3008 0603550403 0c01%02x", (unsigned) letter);
        Bytes der = test_certificate(&(TestCertificate) {
                .issuer = name, .subject = name, .extensions = { EXT_CA }, .key = k, .signer = k });
        EVP_PKEY_free(k);
        return der;
}

static void append_pem(ByteWriter *w, ByteView der) {
        _cleanup_free_ char *text = NULL;

        check_int(base64_encode(der, &text), 0);
        write_view(w, VIEW_STR("-----BEGIN CERTIFICATE-----\n"));
        for (size_t i = 0; i < strlen(text); i += 64) {
                write_bytes(w, text + i, MIN_OF(strlen(text) - i, (size_t) 64));
                write_u8(w, '\n');
        }
        write_view(w, VIEW_STR("-----END CERTIFICATE-----\n"));
}

static void put(const char *name, ByteView content) {
        _cleanup_free_ char *path = NULL;

        check_int(path_join(top, name, &path), 0);
        check_int(file_write_atomic_path(path, 0600, content), 0);
}

static void test_F16_U4_any_file(const char *const *directories) {
        _cleanup_bytes_ Bytes a = ca('a'), b = ca('b'), c = ca('c'), d = ca('d');
        uint8_t text[8192];
        ByteWriter w = WRITER(text, sizeof(text));
        Skipped s;

        check_int(load(directories, &s), 0);
        check_int(s.n, 0);

        put("a.der", bytes_view(&a));
        check_int(load(directories, &s), 1);

        /* A bundle, with talk between the certificates, and one that is there already. */
        write_view(&w, VIEW_STR("# of a vendor\n"));
        append_pem(&w, bytes_view(&b));
        write_view(&w, VIEW_STR("# once more\n"));
        append_pem(&w, bytes_view(&a));
        append_pem(&w, bytes_view(&c));
        put("bundle", test_view(&w));
        check_int(load(directories, &s), 3);
        check_int(s.n, 0);

        /* A bad one in the middle costs itself only, and is told. */
        write_view(&w, VIEW_STR("-----BEGIN CERTIFICATE-----\n*\n-----END CERTIFICATE-----\n"));
        append_pem(&w, VIEW_STR("no certificate"));
        append_pem(&w, bytes_view(&d));
        write_view(&w, VIEW_STR("-----BEGIN CERTIFICATE-----\nMIIB"));
        put("bundle", test_view(&w));
        check_int(load(directories, &s), 4);
        check_int(s.n, 1);
        check_int(s.error, -EINVAL);
        check(strstr(s.path, "/bundle"));
        check_int(dir_remove(top_fd, "bundle"), 0);
}

static void test_F16_U4_a_bad_file_costs_itself_only(const char *const *directories) {
        Skipped s;

        put("garbage.crt", VIEW_STR("hello"));
        check_int(load(directories, &s), 1);
        check_int(s.n, 1);
        check_int(s.error, -EINVAL);
        put("garbage.crt", VIEW_NULL);
        check_int(load(directories, &s), 1);
        check_int(s.error, -EINVAL);
        check_int(dir_remove(top_fd, "garbage.crt"), 0);

        put(".hidden", VIEW_STR("hello"));
        check_int(load(directories, &s), 1);
        check_int(s.n, 0);

        int fd = openat(top_fd, "large", O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
        check_int(ftruncate(fd, TRUST_STORE_FILE_MAX + 1), 0);
        (void) close(fd);
        check_int(load(directories, &s), 1);
        check_int(s.n, 1);
        check_int(s.error, -EFBIG);
        check_int(dir_remove(top_fd, "large"), 0);

        check_int(symlinkat("nowhere", top_fd, "dangling"), 0);
        check_int(load(directories, &s), 1);
        check_int(s.error, -ENOENT);
        check_int(dir_remove(top_fd, "dangling"), 0);

        check_int(mkfifoat(top_fd, "fifo", 0600), 0);
        check_int(load(directories, &s), 1);
        check_int(s.error, -EINVAL);
        check_int(dir_remove(top_fd, "fifo"), 0);

        /* Nobody has to listen. */
        put("garbage", VIEW_STR("hello"));
        EkTrust *t = NULL;
        check_int(trust_store_load(directories, NULL, NULL, NULL, &t), 0);
        ek_trust_free(t);
        check_int(dir_remove(top_fd, "garbage"), 0);
}

static void test_directories(const char *const *directories) {
        _cleanup_bytes_ Bytes e = ca('e'), f = ca('f');
        _cleanup_free_ char *deep = NULL, *deeper = NULL;
        Skipped s;

        check_int(path_join(top, "1/2/3", &deep), 0);
        check_int(dir_make_parents(deep, 0700), 0);
        put("1/2/3/e", bytes_view(&e));
        check_int(load(directories, &s), 2);
        check_int(s.n, 0);
        check_int(path_join(deep, "4", &deeper), 0);
        check_int(dir_make(deeper, 0700), 0);
        put("1/2/3/4/f", bytes_view(&f));
        check_int(load(directories, &s), 2);
        check_int(s.n, 1);
        check_int(s.error, -ELOOP);

        /* the same directory twice, a missing one, and a circle */
        check_int(load((const char *const[]) { top, "/nowhere", deep, top, NULL }, &s), 3);
        check_int(symlinkat(".", top_fd, "circle"), 0);
        check_int(load(directories, &s), 2);
        check(s.n > 0);
        check_int(s.error, -ELOOP);
        check_int(load((const char *const[]) { "/dev/null", NULL }, &s), 0);
        check_int(s.error, -ENOTDIR);
}

typedef struct Told {
        unsigned n_loaded, n_anchors, n_distrusted;
        char vendor[TPM_VENDOR_MAX_NAME];
        unsigned allow;
} Told;

static void on_loaded(const char *path, const EkIssuer *issuer, bool new, void *userdata) {
        Told *t = userdata;

        t->n_loaded += new;
        t->n_anchors += new && issuer->anchor;
        t->allow = issuer->allow;
        strcpy(t->vendor, issuer->vendor);
}

static void on_distrusted(const char *path, ByteView der, void *userdata) {
        Told *t = userdata;
        t->n_distrusted++;
}

static size_t load_told(const char *directory, Told *ret) {
        static const TrustStoreCallbacks callbacks = { .loaded = on_loaded, .distrusted = on_distrusted };
        EkPolicy policy;
        EkTrust *t;

        ek_policy_default(&policy);
        *ret = (Told) {};
        check_int(trust_store_load((const char *const[]) { directory, NULL }, &policy, &callbacks, ret, &t), 0);
        size_t n = ek_trust_count(t);
        ek_trust_free(t);
        return n;
}

/* Folders say whose a certificate is, and what. */
static void test_folders(void) {
        _cleanup_bytes_ Bytes g = ca('g'), signed_by_another = BYTES_NULL;
        _cleanup_free_ char *path = NULL, *deep = NULL;
        EVP_PKEY *k = EVP_EC_gen("P-256"), *other = EVP_EC_gen("P-256");
        Told t;

        signed_by_another = test_certificate(&(TestCertificate) {
                .issuer = "3000", .subject = "300c 310a 3008 0603550403 0c0148", .extensions = { EXT_CA }, .key = k,
                .signer = other });
        check_int(path_join(top, "folders", &path), 0);
        check_int(path_join(path, "STMicro/anchors", &deep), 0);
        check_int(dir_make_parents(deep, 0700), 0);
        put("folders/STMicro/g", bytes_view(&g));
        check_int(load_told(path, &t), 1);
        check_str(t.vendor, "STM");
        check_int(t.allow, EK_ALLOW_EXPIRED | EK_ALLOW_SHA1_EK);
        check_int(t.n_anchors, 1);
        put("folders/STMicro/h", bytes_view(&signed_by_another));
        check_int(load_told(path, &t), 2);
        check_int(t.n_anchors, 1);
        check_int(dir_remove(top_fd, "folders/STMicro/h"), 0);
        put("folders/STMicro/anchors/h", bytes_view(&signed_by_another));
        check_int(load_told(path, &t), 2);
        check_int(t.n_anchors, 2);

        check_int(dir_make_at(top_fd, "folders/distrusted", 0700), 0);
        put("folders/distrusted/g", bytes_view(&g));
        check_int(load_told(path, &t), 1);
        check_int(t.n_distrusted, 1);
        check_int(t.n_loaded, 1);
        put("folders/distrusted/g", VIEW_STR("garbage"));
        Skipped s;
        check_int(load((const char *const[]) { path, NULL }, &s), 2);
        check_int(s.n, 1);
        EVP_PKEY_free(k);
        EVP_PKEY_free(other);
}

/* Little by little: the same comes of it, whatever is taken away meanwhile, and nothing is looked at twice. */
static void test_slices(void) {
        _cleanup_(trust_loader_freep) TrustLoader *l = NULL;
        _cleanup_(ek_trust_freep) EkTrust *trust = NULL;
        _cleanup_free_ char *path = NULL;
        char name[32];
        Skipped s = {};

        check_int(path_join(top, "slices", &path), 0);
        check_int(dir_make_at(top_fd, "slices", 0700), 0);
        check_int(dir_make_at(top_fd, "slices/distrusted", 0700), 0);
        for (char c = 'a'; c < 'k'; c++) {
                _cleanup_bytes_ Bytes der = ca(c);
                (void) snprintf(name, sizeof(name), "slices/%c", c);
                put(name, bytes_view(&der));
                if (c == 'b') {
                        put("slices/distrusted/b", bytes_view(&der));
                        put("slices/copy", bytes_view(&der));
                }
        }
        put("slices/garbage", VIEW_STR("garbage"));
        const char *directories[] = { path, NULL };
        check_int(ek_trust_new(&trust), 0);
        check_int(trust_loader_new(directories, NULL, &(TrustStoreCallbacks) { .skipped = on_skipped }, &s, &l), 0);
        check_int(trust_loader_read(l, trust, 1), 1);
        check_int(ek_trust_count(trust), 0); /* what takes out of trust goes before all */
        check_int(trust_loader_read(l, trust, 4), 1);
        check(ek_trust_count(trust) <= 4);
        unsigned turns = 0;
        while (trust_loader_read(l, trust, 1) > 0)
                turns++;
        check(turns >= 8 && turns <= 9);
        check_int(ek_trust_count(trust), 9);
        check_int(s.n, 1);
        check_int(trust_loader_read(l, trust, 1), 0);

        /* Gone between: no mistake. */
        l = trust_loader_free(l);
        s = (Skipped) {};
        check_int(trust_loader_new(directories, NULL, &(TrustStoreCallbacks) { .skipped = on_skipped }, &s, &l), 0);
        check_int(dir_remove(top_fd, "slices/garbage"), 0);
        check_int(dir_remove(top_fd, "slices/c"), 0);
        trust = ek_trust_free(trust);
        check_int(ek_trust_new(&trust), 0);
        check_int(trust_loader_read(l, trust, SIZE_MAX), 0);
        check_int(ek_trust_count(trust), 8);
        check_int(s.n, 0);
        check_int(dir_remove(top_fd, "slices"), 0);
}

int main(void) {
        check(mkdtemp(top));
        check((top_fd = dir_open(top)) >= 0);
        const char *const directories[] = { top, NULL };

        test_F16_U4_any_file(directories);
        test_F16_U4_a_bad_file_costs_itself_only(directories);
        test_slices();
        test_folders();
        check_int(dir_remove(top_fd, "folders"), 0);
        test_directories(directories);

        (void) close(top_fd);
        check_int(dir_remove(AT_FDCWD, top), 0);
        return EXIT_SUCCESS;
}
