/* SPDX-License-Identifier: MIT */
#include "server/bus-descriptor.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "shared/files.h"

static int write_all(int fd, ByteView v) {
        while (v.size > 0) {
                ssize_t n = write(fd, v.data, v.size);
                if (n < 0)
                        return -errno;
                v = VIEW(v.data + n, v.size - (size_t) n);
        }
        return 0;
}

int bus_descriptor_new(const char *name, ByteView content) {
        _cleanup_close_ int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
        if (fd < 0)
                return -errno;
        int r = write_all(fd, content);
        if (r < 0)
                return r;
        if (lseek(fd, 0, SEEK_SET) < 0 ||
            fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) < 0)
                return -errno;
        return TAKE_FD(fd);
}

int bus_descriptor_check(int fd) {
        struct stat st;

        if (fstat(fd, &st) < 0)
                return -errno;
        return S_ISREG(st.st_mode) ? 0 : -EINVAL;
}

int bus_descriptor_take_socket(int fd) {
        struct stat st;

        if (fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISSOCK(st.st_mode))
                return -EINVAL;
        int own = fcntl(fd, F_DUPFD_CLOEXEC, 3);
        return own < 0 ? -errno : own;
}

int bus_descriptor_read(int fd, size_t max, Bytes *ret) {
        int r = bus_descriptor_check(fd);
        if (r < 0)
                return r;
        if (lseek(fd, 0, SEEK_SET) < 0)
                return -errno;
        return fd_read(fd, max, ret);
}
