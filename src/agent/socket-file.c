/* SPDX-License-Identifier: MIT */
#include "agent/socket-file.h"

#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "shared/files.h"

/* 0: nobody listens there (any more), and nothing else is in the way. */
static int check_path(const struct sockaddr_un *sa) {
        struct stat st;

        if (lstat(sa->sun_path, &st) < 0)
                return errno == ENOENT ? 0 : -errno;
        if (!S_ISSOCK(st.st_mode))
                return -EEXIST;
        _cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0)
                return -errno;
        return connect(fd, (const struct sockaddr *) sa, sizeof(*sa)) < 0 && errno == ECONNREFUSED ? 0 : -EADDRINUSE;
}

/* Under another name, and renamed when it listens. */
static int listen_at(const struct sockaddr_un *sa, struct stat *ret) {
        struct sockaddr_un other = { .sun_family = AF_UNIX };
        struct stat st;
        int r;

        r = snprintf(other.sun_path, sizeof(other.sun_path), "%s.new", sa->sun_path);
        if (r < 0 || (size_t) r >= sizeof(other.sun_path))
                return -ENAMETOOLONG;
        if (unlink(other.sun_path) < 0 && errno != ENOENT)
                return -errno;
        _cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0 || bind(fd, (const struct sockaddr *) &other, sizeof(other)) < 0)
                return -errno;
        /* Open to all: who sees the token is decided by who connects. */
        if (chmod(other.sun_path, 0666) < 0 || listen(fd, SOMAXCONN) < 0 || stat(other.sun_path, &st) < 0 ||
            rename(other.sun_path, sa->sun_path) < 0) {
                r = -errno;
                (void) unlink(other.sun_path);
                return r;
        }
        *ret = st;
        return TAKE_FD(fd);
}

int socket_file_make(const char *path, SocketFile *ret) {
        struct sockaddr_un sa = { .sun_family = AF_UNIX };
        _cleanup_free_ char *parent = NULL, *copy = strdup(path);
        struct stat st = {};
        int r, fd;

        if (!copy)
                return -ENOMEM;
        if (strlen(path) >= sizeof(sa.sun_path))
                return -ENAMETOOLONG;
        strcpy(sa.sun_path, path);
        if ((r = path_parent(path, &parent)) < 0 || (r = dir_make_parents(parent, 0755)) < 0)
                return r;
        _cleanup_close_ int lock_fd = file_lock(path); /* two who look and then make would both see nobody */
        if (lock_fd < 0)
                return lock_fd == -EBUSY ? -EADDRINUSE : lock_fd;
        r = check_path(&sa);
        if (r < 0)
                return r;
        fd = listen_at(&sa, &st);
        if (fd < 0)
                return fd;
        *ret = (SocketFile) { .path = TAKE_PTR(copy), .lock_fd = TAKE_FD(lock_fd), .dev = st.st_dev, .ino = st.st_ino };
        return fd;
}

void socket_file_remove(SocketFile *f) {
        struct stat st;

        if (f->path && lstat(f->path, &st) >= 0 && st.st_dev == f->dev && st.st_ino == f->ino)
                (void) unlink(f->path);
        free(f->path);
        closep(&f->lock_fd); /* the lock's file stays: another may be about to take it */
        *f = SOCKET_FILE_NULL;
}
