/* SPDX-License-Identifier: MIT */
#include "renewed/hooks.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "shared/files.h"
#include "shared/log.h"

void hooks_done(Hooks *h) {
        for (size_t i = 0; i < h->n; i++)
                free(h->names[i]);
        *h = (Hooks) {};
}

static bool trusted(const struct stat *st) {
        return (st->st_uid == 0 || st->st_uid == geteuid()) && (st->st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

int trusted_at(int dir_fd, const char *path, mode_t type) {
        struct stat st;

        if (fstatat(dir_fd, path, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return -errno;
        return (st.st_mode & S_IFMT) == type && trusted(&st) ? 0 : -EPERM;
}

static bool is_leftover(const char *name) {
        static const char *const ends[] = { "~", ".bak", ".orig", ".swp", ".rpmsave", ".rpmnew" };

        for (size_t i = 0; i < ELEMENTSOF(ends); i++) {
                size_t n = strlen(name), k = strlen(ends[i]);
                if (n >= k && strcmp(name + n - k, ends[i]) == 0)
                        return true;
        }
        return *name == '.' || strstr(name, ".dpkg-");
}

/* A link would be followed to a place where others may have their hands in. */
static bool is_hook(int dir_fd, const char *name, Hooks *h) {
        char escaped[LOG_ESCAPED_MAX];
        struct stat st;

        if (is_leftover(name) || fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return false;
        bool link = S_ISLNK(st.st_mode);
        if (!link && (!S_ISREG(st.st_mode) || (st.st_mode & (S_IXUSR | S_IXGRP | S_IXOTH)) == 0))
                return false;
        if (!link && trusted(&st))
                return true;
        log_error("%s is not run: %s.", log_escape(name, strlen(name), escaped),
                  link ? "it is a symbolic link; put the file itself there"
                       : "others than root own it or may write to it");
        h->refused++;
        return false;
}

static int compare(const void *a, const void *b) {
        return strcmp(*(char *const *) a, *(char *const *) b);
}

static int list(DIR *d, Hooks *h) {
        for (struct dirent *de; (errno = 0, de = readdir(d));) {
                if (!is_hook(dirfd(d), de->d_name, h))
                        continue;
                if (h->n == HOOKS_MAX)
                        return -E2BIG;
                h->names[h->n] = strdup(de->d_name);
                if (!h->names[h->n])
                        return -ENOMEM;
                h->n++;
        }
        return -errno;
}

int hooks_read(const char *dir, Hooks *ret) {
        _cleanup_(hooks_done) Hooks h = {};
        struct stat st;
        int r;

        int fd = dir_open(dir);
        if (fd == -ENOENT) {
                *ret = (Hooks) {};
                return 0;
        }
        if (fd < 0)
                return fd;
        DIR *d = fdopendir(fd);
        if (!d) {
                r = -errno;
                (void) close(fd);
                return r;
        }
        r = fstat(fd, &st) < 0 ? -errno : !trusted(&st) ? -EPERM : list(d, &h);
        (void) closedir(d);
        if (r < 0)
                return r;
        if (h.n > 0)
                qsort(h.names, h.n, sizeof(h.names[0]), compare);
        *ret = TAKE_GENERIC(h, (Hooks) {});
        return 0;
}
