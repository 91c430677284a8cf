/* SPDX-License-Identifier: MIT */
#include "shared/files.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "test.h"

static unsigned entries(int dir_fd) {
        int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        DIR *d = fdopendir(fd);
        unsigned n = 0;

        check(d);
        while (readdir(d))
                n++;
        (void) closedir(d);
        return n - 2;
}

static void test_read(int dir) {
        Bytes b = BYTES_NULL;

        check_int(file_write_new(dir, "five", 0640, VIEW_STR("12345")), 0);
        check_int(file_write_new(dir, "five", 0640, VIEW_STR("12345")), -EEXIST);
        check_int(file_read_at(dir, "five", 4, &b), -EFBIG);
        check(!b.data);
        check_int(file_read_at(dir, "five", 5, &b), 0);
        check(view_equal(bytes_view(&b), VIEW_STR("12345")));
        check_int(b.data[5], 0);
        bytes_done(&b);

        check_int(file_write_new(dir, "empty", 0600, VIEW_NULL), 0);
        check_int(file_read_at(dir, "empty", 0, &b), 0);
        check_int(b.size, 0);
        bytes_done(&b);

        check_int(file_read_at(dir, "missing", 5, &b), -ENOENT);
        check_int(file_read_at(dir, ".", 5, &b), -EINVAL);
        check_int(mkfifoat(dir, "fifo", 0600), 0);
        check_int(file_read_at(dir, "fifo", 5, &b), -EINVAL);
        check_int(file_read("/dev/zero", 5, &b), -EINVAL);

        int p[2];
        check_int(pipe2(p, O_CLOEXEC), 0);
        check_int(write(p[1], "piped", 5), 5);
        (void) close(p[1]);
        check_int(fd_read(p[0], 5, &b), 0);
        check(view_equal(bytes_view(&b), VIEW_STR("piped")));
        bytes_done(&b);
        (void) close(p[0]);
        check_int(dir_remove(dir, "five"), 0);
        check_int(dir_remove(dir, "fifo"), 0);
        check_int(dir_remove(dir, "empty"), 0);
}

static void test_write(int dir) {
        struct stat st;
        Bytes b = BYTES_NULL;

        (void) umask(0077);
        check_int(file_write_atomic(dir, "f", 0644, VIEW_STR("one")), 0);
        check_int(fstatat(dir, "f", &st, 0), 0);
        check_int(st.st_mode & 07777, 0644);
        check_int(file_write_atomic(dir, "f", 0600, VIEW_STR("two")), 0);
        check_int(fstatat(dir, "f", &st, 0), 0);
        check_int(st.st_mode & 07777, 0600);
        check_int(file_read_at(dir, "f", 10, &b), 0);
        check(view_equal(bytes_view(&b), VIEW_STR("two")));
        bytes_done(&b);
        check_int(file_write_atomic(dir, "a/b", 0600, VIEW_STR("x")), -EINVAL);

        /* A failure leaves nothing behind. */
        check_int(dir_make_at(dir, "d", 0700), 0);
        check_int(file_write_atomic(dir, "d", 0600, VIEW_STR("x")), -EISDIR);
        check_int(entries(dir), 2);
        check_int(dir_remove(dir, "f"), 0);
        check_int(dir_remove(dir, "d"), 0);
}

static void test_directories(int dir, const char *path) {
        _cleanup_free_ char *deep = NULL, *file = NULL, *parent = NULL;

        check_int(path_join(path, "a/b/c", &deep), 0);
        check_int(dir_make_parents(deep, 0700), 0);
        check_int(dir_make_parents(deep, 0700), 0);
        check_int(path_join(deep, "file", &file), 0);
        check_int(file_write_atomic_path(file, 0600, VIEW_STR("x")), 0);
        check_int(dir_fsync(deep), 0);
        check_int(dir_fsync_parent(deep), 0);
        check_int(dir_make(file, 0700), -ENOTDIR);

        /* A link is removed, what it points to is not. */
        check_int(file_write_new(dir, "kept", 0600, VIEW_STR("x")), 0);
        check_int(symlinkat("../kept", dir, "a/link"), 0);
        check_int(symlinkat("..", dir, "a/up"), 0);
        check_int(dir_remove(dir, "a"), 0);
        check_int(dir_remove(dir, "a"), 0);
        check_int(entries(dir), 1);
        check_int(dir_remove(dir, "kept"), 0);

        check_int(path_parent("/x", &parent), 0);
        check_str(parent, "/");
        free(parent);
        check_int(path_parent("x", &parent), 0);
        check_str(parent, ".");
}

int main(void) {
        char path[] = "/tmp/test-files.XXXXXX";
        check(mkdtemp(path));
        int dir = dir_open(path);
        check(dir >= 0);

        test_read(dir);
        test_write(dir);
        test_directories(dir, path);

        check_int(entries(dir), 0);
        (void) close(dir);
        check_int(rmdir(path), 0);
        return EXIT_SUCCESS;
}
