/* SPDX-License-Identifier: MIT */
#include "agent/waiting-job.h"

#include "shared/files.h"

#define FILE_NAME "waiting-job"

int waiting_job_read(const char *dir, Bytes *ret) {
        _cleanup_bytes_erase_ Bytes packet = BYTES_NULL;
        _cleanup_(job_done) Job job = {};

        _cleanup_close_ int fd = dir_open(dir);
        int r = fd < 0 ? fd : file_read_at(fd, FILE_NAME, HELPER_WIRE_MAX, &packet);
        if (r >= 0)
                r = job_decode(bytes_view(&packet), &job);
        if (r < 0)
                return r;
        *ret = TAKE_BYTES(packet);
        return 0;
}

int waiting_job_write(const char *dir, ByteView packet) {
        _cleanup_close_ int fd = dir_open(dir);
        return fd < 0 ? fd : file_write_atomic(fd, FILE_NAME, 0600, packet);
}

void waiting_job_forget(const char *dir) {
        _cleanup_close_ int fd = dir_open(dir);

        if (fd >= 0 && unlinkat(fd, FILE_NAME, 0) >= 0)
                (void) fsync(fd);
}
