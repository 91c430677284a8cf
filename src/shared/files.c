/* SPDX-License-Identifier: MIT */
#include "shared/files.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>

#define TEMPORARY_NAME_SIZE (FILE_NAME_MAX + 32U)

/* One byte more than max tells a file that is too large from one that just fits. */
int fd_read(int fd, size_t max, Bytes *ret) {
        struct stat st;
        if (fstat(fd, &st) < 0)
                return -errno;
        if (S_ISREG(st.st_mode) && (uint64_t) st.st_size > max)
                return -EFBIG;

        size_t capacity = (S_ISREG(st.st_mode) && st.st_size > 0 ? (size_t) st.st_size : max) + 1;
        _cleanup_(bytes_erase) Bytes b = { .data = malloc(capacity + 1) };
        if (!b.data)
                return -ENOMEM;

        while (b.size < capacity) {
                ssize_t n = read(fd, b.data + b.size, capacity - b.size);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                if (n == 0)
                        break;
                b.size += (size_t) n;
        }
        if (b.size == capacity)
                return -EFBIG; /* or it grew just now: a writer that does not rename */

        b.data[b.size] = 0;
        *ret = TAKE_BYTES(b);
        return 0;
}

int file_read_at(int dir_fd, const char *path, size_t max, Bytes *ret) {
        /* O_NONBLOCK: a FIFO in the place of a file must not hang its reader. */
        _cleanup_close_ int fd = openat(dir_fd, path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        if (fd < 0)
                return -errno;

        struct stat st;
        if (fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode))
                return -EINVAL;
        return fd_read(fd, max, ret);
}

int file_read(const char *path, size_t max, Bytes *ret) {
        return file_read_at(AT_FDCWD, path, max, ret);
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
        return 0;
}

int file_write_new(int dir_fd, const char *name, mode_t mode, ByteView content) {
        _cleanup_close_ int fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (fd < 0)
                return -errno;

        int r = write_all(fd, content);
        if (r >= 0 && (fchmod(fd, mode) < 0 || fsync(fd) < 0))
                r = -errno;
        if (r < 0)
                (void) unlinkat(dir_fd, name, 0);
        return r;
}

int file_write_atomic(int dir_fd, const char *name, mode_t mode, ByteView content) {
        char temporary[TEMPORARY_NAME_SIZE];
        uint64_t random;

        if (strchr(name, '/') || strlen(name) > FILE_NAME_MAX)
                return -EINVAL;
        if (getrandom(&random, sizeof(random), 0) != sizeof(random))
                return -EIO;
        (void) snprintf(temporary, sizeof(temporary), ".%s.%016llx", name, (unsigned long long) random);

        int r = file_write_new(dir_fd, temporary, mode, content);
        if (r < 0)
                return r;
        if (renameat(dir_fd, temporary, dir_fd, name) < 0) {
                r = -errno;
                (void) unlinkat(dir_fd, temporary, 0);
                return r;
        }
        return fsync(dir_fd) < 0 ? -errno : 0;
}

int path_parent(const char *path, char **ret) {
        const char *slash = strrchr(path, '/');
        char *p = !slash          ? strdup(".")
                  : slash == path ? strdup("/")
                                  : strndup(path, (size_t) (slash - path));
        if (!p)
                return -ENOMEM;
        *ret = p;
        return 0;
}

int path_join(const char *dir, const char *name, char **ret) {
        char *p;
        if (asprintf(&p, "%s/%s", dir, name) < 0)
                return -ENOMEM;
        *ret = p;
        return 0;
}

int file_write_atomic_path(const char *path, mode_t mode, ByteView content) {
        _cleanup_free_ char *parent = NULL;
        const char *slash = strrchr(path, '/');

        int r = path_parent(path, &parent);
        if (r < 0)
                return r;
        _cleanup_close_ int fd = dir_open(parent);
        if (fd < 0)
                return fd;
        return file_write_atomic(fd, slash ? slash + 1 : path, mode, content);
}

int dir_open_at(int dir_fd, const char *path) {
        int fd = openat(dir_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        return fd < 0 ? -errno : fd;
}

int file_lock(const char *path) {
        _cleanup_free_ char *name = NULL;

        if (asprintf(&name, "%s.lock", path) < 0)
                return -ENOMEM;
        _cleanup_close_ int fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0)
                return -errno;
        if (flock(fd, LOCK_EX | LOCK_NB) < 0)
                return errno == EWOULDBLOCK ? -EBUSY : -errno;
        return TAKE_FD(fd);
}

int dir_open(const char *path) {
        return dir_open_at(AT_FDCWD, path);
}

int dir_make_at(int dir_fd, const char *name, mode_t mode) {
        struct stat st;

        if (mkdirat(dir_fd, name, mode) >= 0)
                return 0;
        if (errno != EEXIST)
                return -errno;
        if (fstatat(dir_fd, name, &st, 0) < 0)
                return -errno;
        return S_ISDIR(st.st_mode) ? 0 : -ENOTDIR;
}

int dir_make(const char *path, mode_t mode) {
        return dir_make_at(AT_FDCWD, path, mode);
}

int dir_make_parents(const char *path, mode_t mode) {
        _cleanup_free_ char *p = strdup(path);
        if (!p)
                return -ENOMEM;

        for (char *slash = p; (slash = strchr(slash + 1, '/'));) {
                *slash = 0;
                int r = dir_make(p, mode);
                if (r < 0)
                        return r;
                *slash = '/';
        }
        return dir_make(path, mode);
}

int dir_fsync(const char *path) {
        _cleanup_close_ int fd = dir_open(path);
        if (fd < 0)
                return fd;
        return fsync(fd) < 0 ? -errno : 0;
}

int dir_fsync_parent(const char *path) {
        _cleanup_free_ char *parent = NULL;

        int r = path_parent(path, &parent);
        return r < 0 ? r : dir_fsync(parent);
}

static void closedirp(DIR **d) {
        if (*d)
                (void) closedir(*d);
}

static int remove_below(int dir_fd, const char *name, unsigned depth) {
        if (unlinkat(dir_fd, name, 0) >= 0 || errno == ENOENT)
                return 0;
        if (errno != EISDIR && errno != EPERM)
                return -errno;
        if (depth == 0)
                return -ELOOP;

        _cleanup_close_ int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        _cleanup_(closedirp) DIR *d = fdopendir(fd);
        if (!d)
                return -errno;
        TAKE_FD(fd);

        for (struct dirent *de; (errno = 0, de = readdir(d));) {
                if (strcmp(de->d_name, ".") == 0 || strcmp(de->d_name, "..") == 0)
                        continue;
                int r = remove_below(dirfd(d), de->d_name, depth - 1);
                if (r < 0)
                        return r;
        }
        if (errno != 0)
                return -errno;
        return unlinkat(dir_fd, name, AT_REMOVEDIR) < 0 ? -errno : 0;
}

int dir_remove(int dir_fd, const char *name) {
        return remove_below(dir_fd, name, DIR_REMOVE_DEPTH_MAX);
}
