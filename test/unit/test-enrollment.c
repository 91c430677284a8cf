/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <sys/stat.h>

#include "shared/enrollment.h"
#include "shared/files.h"
#include "test.h"

static char *make_dir(void) {
        char template[] = "/tmp/test-enrollment-XXXXXX";
        check(mkdtemp(template));
        char *dir = NULL;
        check(asprintf(&dir, "%s/state", template) > 0);
        return dir;
}

static void remove_dir(char *dir) {
        *strrchr(dir, '/') = 0;
        check_int(dir_remove(AT_FDCWD, dir), 0);
        free(dir);
}

static void exists(const char *dir, const char *name, bool expected) {
        _cleanup_free_ char *path = NULL;
        struct stat st;

        check_int(path_join(dir, name, &path), 0);
        check_int(lstat(path, &st) >= 0, expected);
}

static mode_t mode_of(const char *dir, const char *name) {
        _cleanup_free_ char *path = NULL;
        struct stat st;

        check_int(path_join(dir, name, &path), 0);
        check_int(stat(path, &st), 0);
        return st.st_mode & 07777;
}

static void put(const char *dir, const char *name, const char *text) {
        _cleanup_close_ int fd = dir_open(dir);
        check(fd >= 0);
        _cleanup_close_ int file = openat(fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        check(file >= 0);
        check_int(write(file, text, strlen(text)), strlen(text));
}

static Enrollment sample(const char *chain) {
        Enrollment e = {
                .acme_url = strdup("https://ca.example/acme/da"),
                .attestation_url = strdup("https://attest.example/"),
                .name = strdup("framework"),
                .key = JOB_KEY_P256,
                .ek = JOB_EK_P384,
                .lifetime = 3600,
        };
        memset(e.ek_hash, 0xa5, sizeof(e.ek_hash));
        check_int(bytes_copy(VIEW_STR(chain), &e.chain_pem), 0);
        check_int(bytes_copy(VIEW_STR("ak chain"), &e.ak_chain_pem), 0);
        check_int(bytes_copy(VIEW_STR("key"), &e.key_pem), 0);
        return e;
}

static void store(const char *dir, const char *chain) {
        _cleanup_(enrollment_done) Enrollment e = sample(chain);
        check_int(enrollment_store(dir, &e), 0);
}

static void load(const char *dir, uint64_t generation, const char *chain) {
        _cleanup_(enrollment_done) Enrollment e = {};

        check_int(enrollment_load(dir, &e), 0);
        check_int(e.generation, generation);
        check(view_equal(bytes_view(&e.chain_pem), VIEW_STR(chain)));
}

static void test_round_trip(void) {
        _cleanup_(enrollment_done) Enrollment e = {}, none = {};
        char *dir = make_dir();

        check_int(enrollment_load(dir, &none), -ENOENT);
        store(dir, "first");
        check_int(enrollment_load(dir, &e), 0);
        check_int(e.generation, 1);
        check_str(e.acme_url, "https://ca.example/acme/da");
        check_str(e.attestation_url, "https://attest.example/");
        check_str(e.name, "framework");
        check_int(e.key, JOB_KEY_P256);
        check_int(e.ek, JOB_EK_P384);
        check_int(e.lifetime, 3600);
        check_int(e.ek_hash[31], 0xa5);
        check(view_equal(bytes_view(&e.ak_chain_pem), VIEW_STR("ak chain")));
        check(view_equal(bytes_view(&e.key_pem), VIEW_STR("key")));
        check_int(e.ca_pem.size, 0);

        check_int(mode_of(dir, "device.crt"), 0644);
        check_int(mode_of(dir, "device.tss"), 0640);
        check_int(mode_of(dir, "current/enrollment.json"), 0640);
        check_int(mode_of(dir, "current"), 0755);
        exists(dir, "current/ca.pem", false);

        if (geteuid() != 0) {
                _cleanup_(enrollment_done) Enrollment agent = {};
                _cleanup_free_ char *key = NULL;
                check_int(path_join(dir, "current/device.tss", &key), 0);
                check_int(chmod(key, 0), 0);
                check_int(enrollment_load(dir, &agent), 0);
                check_int(agent.key_pem.size, 0);
        }
        remove_dir(dir);
}

static void check_older(const char *dir, uint64_t current, const char *const *chains, size_t n) {
        _cleanup_(enrollment_older_done) EnrollmentOlder o = {};

        check_int(enrollment_load_older(dir, current, &o), 0);
        check_int(o.n, n);
        for (size_t i = 0; i < n; i++) {
                check_int(o.generations[i], current - 1 - i);
                check(view_equal(bytes_view(&o.chains_pem[i]), VIEW_STR(chains[i])));
        }
}

static void test_generations(void) {
        char *dir = make_dir();

        store(dir, "first");
        store(dir, "second");
        load(dir, 2, "second");
        exists(dir, "generations/1", true);
        store(dir, "third");
        load(dir, 3, "third");
        exists(dir, "generations/1", true);
        exists(dir, "generations/2", true);
        check_older(dir, 3, (const char *const[]) { "second", "first" }, 2);
        check_older(dir, 1, NULL, 0);
        for (int i = 4; i <= 12; i++)
                store(dir, "more");
        exists(dir, "generations/4", false);
        exists(dir, "generations/5", true);
        load(dir, 12, "more");

        check_int(enrollment_remove(dir, false), 0);
        check_int(enrollment_load(dir, &(Enrollment) {}), -ENOENT);
        exists(dir, "device.crt", false);
        check_int(enrollment_remove(dir, true), 0);
        remove_dir(dir);
}

/* As if the machine had stopped half way through: the old enrolment counts, the next store tidies up. */
static void test_crash(void) {
        char *dir = make_dir();
        _cleanup_close_ int fd = -EBADF;

        store(dir, "first");
        fd = dir_open(dir);
        check(fd >= 0);
        check_int(dir_make_at(fd, "generations/.new", 0700), 0);
        put(dir, "generations/.new/device.crt", "half");
        check_int(dir_make_at(fd, "generations/7", 0700), 0);
        put(dir, "generations/7/device.crt", "never switched to");
        check_int(symlinkat("generations/7", fd, ".link.new"), 0);
        put(dir, ".ak.tss.0123456789abcdef", "half");
        put(dir, "ak.tss", "whole");
        load(dir, 1, "first");

        store(dir, "second");
        load(dir, 8, "second");
        exists(dir, "generations/.new", false);
        exists(dir, "generations/7", false);
        exists(dir, "generations/1", true);
        exists(dir, ".link.new", false);
        exists(dir, ".ak.tss.0123456789abcdef", false);
        exists(dir, "ak.tss", true);

        check_int(enrollment_remove(dir, false), 0);
        exists(dir, "ak.tss", true);
        check_int(enrollment_remove(dir, true), 0);
        exists(dir, "ak.tss", false);
        remove_dir(dir);
}

#define SETTINGS_REST                                                                                   \
        "\"ek-hash\":\"a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5\",\"key\":\"p-256\"," \
        "\"ek\":\"p-256\",\"lifetime\":0}"

static void test_damage(void) {
        static const char *const settings[] = {
                "",
                "{}",
                "[]",
                "{\"acme-server\":1}",
                "{\"acme-server\":\"https://a\",\"attestation-server\":\"https://b\",\"name\":\"c\",\"ek-hash\":\"00\",\"key\":\"p-256\","
                "\"ek\":\"p-256\",\"lifetime\":0}",
                "{\"acme-server\":\"https://a\",\"attestation-server\":\"https://b\",\"name\":\"c\",\"ek-hash\":"
                "\"a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5\",\"key\":\"p-999\","
                "\"ek\":\"p-256\",\"lifetime\":0}",
                /* All is well but for the servers. */
                "{\"acme-server\":\"$(id>/root/x);x\",\"attestation-server\":\"https://b\",\"name\":\"c\"," SETTINGS_REST,
                "{\"acme-server\":\"https://a\",\"attestation-server\":\"--help\",\"name\":\"c\"," SETTINGS_REST,
        };
        static const char *const links[] = { "", "elsewhere", "generations/", "generations/01", "generations/1x",
                                             "generations/../1", "/etc", "generations/18446744073709551615",
                                             "generations/99" };
        char *dir = make_dir();
        _cleanup_close_ int fd = -EBADF;
        Enrollment e = {};

        store(dir, "first");
        for (size_t i = 0; i < ELEMENTSOF(settings); i++) {
                put(dir, "generations/1/enrollment.json", settings[i]);
                check_int(enrollment_load(dir, &e), -EBADMSG);
                check(!e.acme_url);
        }
        put(dir, "generations/1/enrollment.json",
            "{\"acme-server\":\"https://a\",\"attestation-server\":\"https://b\",\"name\":\"c\"," SETTINGS_REST);
        load(dir, 1, "first");
        store(dir, "second");
        fd = dir_open(dir);
        check(fd >= 0);
        for (size_t i = 0; i < ELEMENTSOF(links); i++) {
                check_int(dir_remove(fd, "current"), 0);
                if (links[i][0])
                        check_int(symlinkat(links[i], fd, "current"), 0);
                else
                        put(dir, "current", "no link");
                check_int(enrollment_load(dir, &e), -EBADMSG);
        }
        store(dir, "third");
        load(dir, 100, "third"); /* beyond the 99 that was claimed */
        remove_dir(dir);
}

int main(void) {
        test_round_trip();
        test_generations();
        test_crash();
        test_damage();
        return EXIT_SUCCESS;
}
