/* SPDX-License-Identifier: MIT */
#include "shared/enrollment.h"

#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <sys/stat.h>

#include "protocol/key-file.h"
#include "shared/enrollment-settings.h"
#include "shared/files.h"

#define GENERATIONS "generations"
#define GENERATION_NEW GENERATIONS "/.new" /* until it is whole */
#define GENERATION_PATH_MAX 48U
#define GENERATION_MAX (1ULL << 62)
#define CURRENT "current"
#define TEMPORARY_LINK ".link.new"
#define CHAIN_MAX (256U * 1024) /* bytes of a PEM chain */

#define GROUP_TPM "tss"      /* may load the key */
#define GROUP_AGENT "attezt" /* reads settings and AK certificate */

static void generation_path(uint64_t n, char ret[static GENERATION_PATH_MAX]) {
        (void) snprintf(ret, GENERATION_PATH_MAX, GENERATIONS "/%llu", (unsigned long long) n);
}

/* A number as generation_path() writes it; 0 is none. */
static uint64_t parse_generation(const char *s) {
        char *end;

        if (*s < '1' || *s > '9')
                return 0;
        errno = 0;
        unsigned long long n = strtoull(s, &end, 10);
        return errno != 0 || *end || n > GENERATION_MAX ? 0 : n;
}

/* -ENOENT: nothing is enrolled. */
static int current_generation(int dir_fd, uint64_t *ret) {
        char target[GENERATION_PATH_MAX];

        ssize_t n = readlinkat(dir_fd, CURRENT, target, sizeof(target));
        if (n < 0)
                return errno == EINVAL ? -EBADMSG : -errno;
        if ((size_t) n == sizeof(target))
                return -EBADMSG;
        target[n] = 0;
        if (strncmp(target, GENERATIONS "/", strlen(GENERATIONS "/")) != 0)
                return -EBADMSG;
        uint64_t g = parse_generation(target + strlen(GENERATIONS "/"));
        if (g == 0)
                return -EBADMSG;
        *ret = g;
        return 0;
}

/* --- Load --- */

static int read_optional(int fd, const char *name, size_t max, Bytes *ret) {
        int r = file_read_at(fd, name, max, ret);
        return r == -ENOENT ? 0 : r;
}

static int load_files(int fd, Enrollment *e) {
        _cleanup_bytes_ Bytes settings = BYTES_NULL;
        int r;

        if ((r = file_read_at(fd, "enrollment.json", ENROLLMENT_SETTINGS_MAX, &settings)) < 0 ||
            (r = enrollment_settings_parse(bytes_view(&settings), e)) < 0 ||
            (r = file_read_at(fd, "device.crt", CHAIN_MAX, &e->chain_pem)) < 0 ||
            (r = read_optional(fd, "ak.crt", CHAIN_MAX, &e->ak_chain_pem)) < 0 ||
            (r = read_optional(fd, "ca.pem", JOB_CA_PEM_MAX, &e->ca_pem)) < 0)
                return r;
        r = file_read_at(fd, "device.tss", KEY_FILE_MAX, &e->key_pem);
        return r == -EACCES ? 0 : r; /* the agent does without */
}

int enrollment_load(const char *dir, Enrollment *ret) {
        _cleanup_(enrollment_done) Enrollment e = {};
        char path[GENERATION_PATH_MAX];
        int r;

        _cleanup_close_ int dir_fd = dir_open(dir);
        if (dir_fd < 0)
                return dir_fd;
        r = current_generation(dir_fd, &e.generation);
        if (r < 0)
                return r;

        /* One descriptor for all of them: files of one generation, even if the next arrives meanwhile. */
        generation_path(e.generation, path);
        _cleanup_close_ int fd = dir_open_at(dir_fd, path);
        r = fd < 0 ? fd : load_files(fd, &e);
        if (r < 0)
                return r == -ENOENT || r == -ENOTDIR || r == -EFBIG || r == -EINVAL ? -EBADMSG : r;
        *ret = TAKE_GENERIC(e, (Enrollment) {});
        return 0;
}

int enrollment_version(const char *dir, EnrollmentVersion *ret) {
        char path[GENERATION_PATH_MAX];
        EnrollmentVersion v = {};
        struct stat st;
        int r;

        _cleanup_close_ int dir_fd = dir_open(dir);
        if (dir_fd < 0)
                return dir_fd;
        r = current_generation(dir_fd, &v.generation);
        if (r < 0)
                return r;
        generation_path(v.generation, path);
        if (fstatat(dir_fd, path, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return errno == ENOENT ? -EBADMSG : -errno;
        v.inode = st.st_ino;
        v.time = st.st_mtim;
        *ret = v;
        return 0;
}

int enrollment_read_key(const char *dir, uint64_t generation, Bytes *ret) {
        char path[GENERATION_PATH_MAX];

        if (generation == 0 || generation > GENERATION_MAX)
                return -ENOENT;
        _cleanup_close_ int dir_fd = dir_open(dir);
        if (dir_fd < 0)
                return dir_fd;
        generation_path(generation, path);
        _cleanup_close_ int fd = dir_open_at(dir_fd, path);
        return fd < 0 ? fd : file_read_at(fd, "device.tss", KEY_FILE_MAX, ret);
}

/* --- Store --- */

/* Helps where the group exists and is ours to give; elsewhere owner and mode must do. */
static void give_to_group(int dir_fd, const char *name, const char *group) {
        const struct group *g = getgrnam(group);
        if (g)
                (void) !fchownat(dir_fd, name, (uid_t) -1, g->gr_gid, AT_SYMLINK_NOFOLLOW);
}

static int write_file(int fd, const char *name, mode_t mode, const char *group, ByteView content) {
        int r = file_write_new(fd, name, mode, content);
        if (r >= 0 && group)
                give_to_group(fd, name, group);
        return r;
}

static int write_files(int fd, const Enrollment *e) {
        _cleanup_bytes_ Bytes settings = BYTES_NULL;
        int r;

        if ((r = enrollment_settings_format(e, &settings)) < 0 ||
            (r = write_file(fd, "enrollment.json", 0640, GROUP_AGENT, bytes_view(&settings))) < 0 ||
            (r = write_file(fd, "device.crt", 0644, NULL, bytes_view(&e->chain_pem))) < 0 ||
            (r = write_file(fd, "device.tss", 0640, GROUP_TPM, bytes_view(&e->key_pem))) < 0 ||
            (r = write_file(fd, "ak.crt", 0640, GROUP_AGENT, bytes_view(&e->ak_chain_pem))) < 0)
                return r;
        if (e->ca_pem.size > 0 && (r = write_file(fd, "ca.pem", 0640, GROUP_AGENT, bytes_view(&e->ca_pem))) < 0)
                return r;
        return fchmod(fd, 0755) < 0 || fsync(fd) < 0 ? -errno : 0;
}

static void closedirp(DIR **d) {
        if (*d)
                (void) closedir(*d);
}

static int open_generations(int dir_fd, DIR **ret) {
        _cleanup_close_ int fd = dir_open_at(dir_fd, GENERATIONS);
        if (fd < 0)
                return fd;
        DIR *d = fdopendir(fd);
        if (!d)
                return -errno;
        TAKE_FD(fd);
        *ret = d;
        return 0;
}

static int highest_generation(int dir_fd, uint64_t *ret) {
        _cleanup_(closedirp) DIR *d = NULL;
        uint64_t highest = 0;

        int r = open_generations(dir_fd, &d);
        if (r < 0)
                return r;
        for (struct dirent *de; (errno = 0, de = readdir(d));)
                highest = MAX_OF(highest, parse_generation(de->d_name));
        if (errno != 0)
                return -errno;
        *ret = highest;
        return 0;
}

/* Too old ones, and what a crash left behind: numbers between previous and next, which nobody ever switched to. It
 * is no failure of the new one if that cannot be done. */
static void prune_generations(int dir_fd, uint64_t next, uint64_t previous) {
        _cleanup_(closedirp) DIR *d = NULL;

        if (open_generations(dir_fd, &d) < 0)
                return;
        for (struct dirent *de; (de = readdir(d));) {
                uint64_t n = parse_generation(de->d_name);
                bool older = n <= previous && previous - n < ENROLLMENT_OLDER_MAX;
                if (n != 0 && n != next && !older)
                        (void) dir_remove(dirfd(d), de->d_name);
        }
}

/* A crash inside file_write_atomic() leaves a hidden file. */
static void remove_temporaries(int dir_fd) {
        static const char *const prefixes[] = { ".ak.", ".link." };
        _cleanup_(closedirp) DIR *d = NULL;

        int fd = dir_open_at(dir_fd, ".");
        if (fd < 0)
                return;
        d = fdopendir(fd);
        if (!d) {
                (void) close(fd);
                return;
        }
        for (struct dirent *de; (de = readdir(d));)
                for (size_t i = 0; i < ELEMENTSOF(prefixes); i++)
                        if (strncmp(de->d_name, prefixes[i], strlen(prefixes[i])) == 0)
                                (void) unlinkat(dir_fd, de->d_name, 0);
}

static int make_generation(int dir_fd, const Enrollment *e, const char *path) {
        int r;

        r = dir_remove(dir_fd, GENERATION_NEW);
        if (r < 0)
                return r;
        r = dir_make_at(dir_fd, GENERATION_NEW, 0700);
        if (r < 0)
                return r;
        _cleanup_close_ int fd = dir_open_at(dir_fd, GENERATION_NEW);
        r = fd < 0 ? fd : write_files(fd, e);
        if (r >= 0 && renameat(dir_fd, GENERATION_NEW, dir_fd, path) < 0)
                r = -errno;
        if (r < 0) {
                (void) dir_remove(dir_fd, GENERATION_NEW);
                return r;
        }
        _cleanup_close_ int generations = dir_open_at(dir_fd, GENERATIONS);
        return generations < 0 ? generations : fsync(generations) < 0 ? -errno : 0;
}

static int replace_link(int dir_fd, const char *target, const char *name) {
        (void) unlinkat(dir_fd, TEMPORARY_LINK, 0);
        if (symlinkat(target, dir_fd, TEMPORARY_LINK) < 0)
                return -errno;
        if (renameat(dir_fd, TEMPORARY_LINK, dir_fd, name) < 0) {
                int r = -errno;
                (void) unlinkat(dir_fd, TEMPORARY_LINK, 0);
                return r;
        }
        return 0;
}

static int ensure_link(int dir_fd, const char *target, const char *name) {
        char found[GENERATION_PATH_MAX];

        ssize_t n = readlinkat(dir_fd, name, found, sizeof(found));
        if (n >= 0 && (size_t) n == strlen(target) && memcmp(found, target, (size_t) n) == 0)
                return 0;
        return replace_link(dir_fd, target, name);
}

static int switch_to(int dir_fd, const char *path) {
        int r;

        if ((r = ensure_link(dir_fd, CURRENT "/device.crt", "device.crt")) < 0 ||
            (r = ensure_link(dir_fd, CURRENT "/device.tss", "device.tss")) < 0 ||
            (r = replace_link(dir_fd, path, CURRENT)) < 0)
                return r;
        return fsync(dir_fd) < 0 ? -errno : 0;
}

int enrollment_store(const char *dir, const Enrollment *e) {
        uint64_t highest = 0, previous = 0;
        char path[GENERATION_PATH_MAX];
        int r;

        r = dir_make_parents(dir, 0755);
        if (r < 0)
                return r;
        _cleanup_close_ int dir_fd = dir_open(dir);
        if (dir_fd < 0)
                return dir_fd;
        remove_temporaries(dir_fd);
        if ((r = dir_make_at(dir_fd, GENERATIONS, 0755)) < 0 || (r = highest_generation(dir_fd, &highest)) < 0)
                return r;
        (void) current_generation(dir_fd, &previous); /* none, or one that cannot be kept */

        uint64_t next = MAX_OF(highest, previous) + 1;
        generation_path(next, path);
        if ((r = make_generation(dir_fd, e, path)) < 0 || (r = switch_to(dir_fd, path)) < 0)
                return r;
        prune_generations(dir_fd, next, previous);
        return 0;
}

/* --- Older ones --- */

void enrollment_older_done(EnrollmentOlder *o) {
        for (size_t i = 0; i < o->n; i++)
                bytes_done(&o->chains_pem[i]);
        *o = (EnrollmentOlder) {};
}

/* The highest numbers below current, highest first. */
static int list_older(int dir_fd, uint64_t current, EnrollmentOlder *o) {
        _cleanup_(closedirp) DIR *d = NULL;

        int r = open_generations(dir_fd, &d);
        if (r < 0)
                return r;
        for (struct dirent *de; (de = readdir(d));) {
                uint64_t n = parse_generation(de->d_name);
                size_t at = o->n;

                if (n == 0 || n >= current)
                        continue;
                while (at > 0 && o->generations[at - 1] < n)
                        at--;
                if (at >= ENROLLMENT_OLDER_MAX)
                        continue;
                o->n = MIN_OF(o->n + 1, ENROLLMENT_OLDER_MAX);
                memmove(o->generations + at + 1, o->generations + at, (o->n - 1 - at) * sizeof(o->generations[0]));
                o->generations[at] = n;
        }
        return 0;
}

int enrollment_load_older(const char *dir, uint64_t current, EnrollmentOlder *ret) {
        _cleanup_(enrollment_older_done) EnrollmentOlder listed = {}, o = {};

        _cleanup_close_ int dir_fd = dir_open(dir);
        if (dir_fd < 0)
                return dir_fd;
        int r = list_older(dir_fd, current, &listed);
        if (r < 0)
                return r;
        for (size_t i = 0; i < listed.n; i++) {
                char path[GENERATION_PATH_MAX];

                generation_path(listed.generations[i], path);
                _cleanup_close_ int fd = dir_open_at(dir_fd, path);
                if (fd < 0 || file_read_at(fd, "device.crt", CHAIN_MAX, &o.chains_pem[o.n]) < 0)
                        continue; /* going away just now, or damaged: not worth the others */
                o.generations[o.n++] = listed.generations[i];
        }
        *ret = TAKE_GENERIC(o, (EnrollmentOlder) {});
        return 0;
}

/* --- Remove --- */

int enrollment_remove(const char *dir, bool everything) {
        /* current first: after that nothing is enrolled, whatever is still there. */
        static const char *const enrollment[] = { CURRENT, "device.crt", "device.tss", GENERATIONS };
        static const char *const rest[] = { "ak.tss", "ak.creation", "accounts" };
        int r;

        _cleanup_close_ int dir_fd = dir_open(dir);
        if (dir_fd < 0)
                return dir_fd == -ENOENT ? 0 : dir_fd;
        for (size_t i = 0; i < ELEMENTSOF(enrollment); i++)
                if ((r = dir_remove(dir_fd, enrollment[i])) < 0)
                        return r;
        for (size_t i = 0; everything && i < ELEMENTSOF(rest); i++)
                if ((r = dir_remove(dir_fd, rest[i])) < 0)
                        return r;
        return fsync(dir_fd) < 0 ? -errno : 0;
}
