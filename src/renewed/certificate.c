/* SPDX-License-Identifier: MIT */
#include "renewed/certificate.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <sys/syscall.h>

#include "protocol/certificate-view.h"
#include "shared/files.h"

static int open_beneath(int dir_fd, const char *path) {
        const struct open_how how = {
                .flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY,
                .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS,
        };
        int fd = (int) syscall(SYS_openat2, dir_fd, path, &how, sizeof(how));
        return fd < 0 ? -errno : fd;
}

int certificate_read(const char *state_dir, const EnrollmentVersion *v, Bytes *ret_pem) {
        _cleanup_certificate_chain_view_ CertificateChainView chain = {};
        _cleanup_bytes_ Bytes pem = BYTES_NULL;
        char path[64];
        int r;

        _cleanup_close_ int dir_fd = dir_open(state_dir);
        if (dir_fd < 0)
                return dir_fd;
        (void) snprintf(path, sizeof(path), "generations/%llu/device.crt", (unsigned long long) v->generation);
        _cleanup_close_ int fd = open_beneath(dir_fd, path);
        if (fd < 0)
                return fd;
        if ((r = fd_read(fd, CERTIFICATE_VIEW_PEM_MAX, &pem)) < 0 ||
            (r = certificate_chain_view_from_pem(bytes_view(&pem), &chain)) < 0)
                return r;
        *ret_pem = TAKE_BYTES(pem);
        return 0;
}
