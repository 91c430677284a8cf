/* SPDX-License-Identifier: MIT */
#include "renewed/memory.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "protocol/certificate-view.h"
#include "shared/files.h"

#define HANDLED "handled"
#define USEC_PER_SEC INT64_C(1000000)

static int write_in(const char *dir, const char *name, ByteView pem) {
        _cleanup_close_ int fd = dir_open(dir);
        return fd < 0 ? fd : file_write_atomic(fd, name, 0644, pem);
}

int memory_begin(const char *dir, ByteView pem) {
        return write_in(dir, MEMORY_COPY, pem);
}

int memory_end(const char *dir, ByteView pem) {
        return write_in(dir, HANDLED, pem);
}

int memory_write_told(const char *dir, const Told *t) {
        _cleanup_bytes_ Bytes text = BYTES_NULL;

        if (told_failures(t) > 0) {
                int r = told_format(t, &text);
                return r < 0 ? r : write_in(dir, TOLD_FILE, bytes_view(&text));
        }
        _cleanup_close_ int fd = dir_open(dir);
        if (fd < 0)
                return fd;
        return unlinkat(fd, TOLD_FILE, 0) < 0 && errno != ENOENT ? -errno : 0;
}

int memory_read_told(const char *dir, Told *ret) {
        _cleanup_bytes_ Bytes text = BYTES_NULL;

        _cleanup_close_ int fd = dir_open(dir);
        int r = fd < 0 ? fd : file_read_at(fd, TOLD_FILE, TOLD_TEXT_MAX, &text);
        return r < 0 ? r : told_parse(bytes_view(&text), ret);
}

bool memory_is_handled(const char *dir, ByteView pem) {
        _cleanup_bytes_ Bytes handled = BYTES_NULL;

        _cleanup_close_ int fd = dir_open(dir);
        return fd >= 0 && file_read_at(fd, HANDLED, CERTIFICATE_VIEW_PEM_MAX, &handled) >= 0 &&
               view_equal(bytes_view(&handled), pem);
}

int64_t memory_wait_usec(const char *dir, const char *file, int64_t interval_sec, int64_t now_usec) {
        struct stat st;

        _cleanup_close_ int fd = dir_open(dir);
        if (fd < 0 || fstatat(fd, file, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return 0; /* the first one */
        int64_t interval = interval_sec * USEC_PER_SEC;
        int64_t passed = now_usec - ((int64_t) st.st_mtim.tv_sec * USEC_PER_SEC + st.st_mtim.tv_nsec / 1000);
        return passed < 0 ? interval : passed < interval ? interval - passed : 0;
}
