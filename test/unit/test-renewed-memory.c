/* SPDX-License-Identifier: MIT */
#include "renewed/memory.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "shared/files.h"
#include "test.h"

#define SEC INT64_C(1000000)

static char dir[] = "/tmp/attezt-memory-XXXXXX";

static void test_handled(void) {
        ByteView a = VIEW_STR("certificate a"), b = VIEW_STR("certificate b");

        check(!memory_is_handled("/nonexistent", a));
        check(!memory_is_handled(dir, a));
        check_int(memory_begin(dir, a), 0);
        check(!memory_is_handled(dir, a)); /* told to some, and then the power failed */
        check_int(memory_end(dir, a), 0);
        check(memory_is_handled(dir, a) && !memory_is_handled(dir, b));
        check(!memory_is_handled(dir, VIEW(a.data, a.size - 1)));
        check_int(memory_begin("/nonexistent", a), -ENOENT);
}

static void test_wait(void) {
        const struct timespec began[] = { { .tv_nsec = UTIME_OMIT }, { .tv_sec = 1000, .tv_nsec = 500000000 } };
        _cleanup_free_ char *copy = NULL;

        check_int(memory_wait_usec("/nonexistent", MEMORY_COPY, 10, 1000 * SEC), 0);
        check_int(path_join(dir, MEMORY_COPY, &copy), 0);
        check_int(utimensat(AT_FDCWD, copy, began, 0), 0);
        check_int(memory_wait_usec(dir, MEMORY_COPY, 10, 1000 * SEC + SEC / 2), 10 * SEC);
        check_int(memory_wait_usec(dir, MEMORY_COPY, 10, 1004 * SEC), 6 * SEC + SEC / 2);
        check_int(memory_wait_usec(dir, MEMORY_COPY, 10, 1011 * SEC), 0);
        check_int(memory_wait_usec(dir, MEMORY_COPY, 0, 1000 * SEC + SEC / 2), 0);
        /* The clock was set back, by years. */
        check_int(memory_wait_usec(dir, MEMORY_COPY, 10, 10 * SEC), 10 * SEC);
}

static void test_told(void) {
        _cleanup_told_ Told t = {}, again = {};

        check_int(memory_read_told(dir, &again), -ENOENT);
        check_int(told_new(&t), 0);
        check_int(memory_write_told(dir, &t), 0); /* nothing failed */
        check_int(memory_read_told(dir, &again), -ENOENT);
        check_int(told_add(&t, "10-mail", true), 0);
        check_int(memory_write_told(dir, &t), 0);
        check_int(memory_read_told(dir, &again), 0);
        check_str(told_failure(&again, 0), "10-mail");
        check_int(told_next_try(&t), 0);
        check_int(memory_write_told(dir, &t), 0);
        check_int(memory_wait_usec(dir, TOLD_FILE, 10, 0), 0);
}

int main(void) {
        check(mkdtemp(dir));
        test_handled();
        test_wait();
        test_told();
        check_int(dir_remove(AT_FDCWD, dir), 0);
        return EXIT_SUCCESS;
}
