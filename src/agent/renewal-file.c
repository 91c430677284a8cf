/* SPDX-License-Identifier: MIT */
#include "agent/renewal-file.h"

#include <time.h>

#include "shared/files.h"

#define FILE_NAME "renewal.json"

int renewal_file_read(const char *dir, RenewalState *ret) {
        _cleanup_bytes_ Bytes text = BYTES_NULL;
        int r;

        _cleanup_close_ int fd = dir_open(dir);
        r = fd < 0 ? fd : file_read_at(fd, FILE_NAME, RENEWAL_STATE_TEXT_MAX, &text);
        return r < 0 ? r : renewal_state_parse(bytes_view(&text), ret);
}

int renewal_file_write(const char *dir, const RenewalState *s) {
        _cleanup_bytes_ Bytes text = BYTES_NULL;
        int r;

        r = renewal_state_format(s, &text);
        if (r < 0)
                return r;
        _cleanup_close_ int fd = dir_open(dir);
        return fd < 0 ? fd : file_write_atomic(fd, FILE_NAME, 0600, bytes_view(&text));
}

static int64_t seconds(clockid_t clock) {
        struct timespec t = {};
        (void) clock_gettime(clock, &t);
        return t.tv_sec;
}

RenewalClocks renewal_clocks_now(void) {
        return (RenewalClocks) {
                .monotonic = seconds(CLOCK_MONOTONIC),
                .boottime = seconds(CLOCK_BOOTTIME),
                .realtime = seconds(CLOCK_REALTIME),
        };
}
