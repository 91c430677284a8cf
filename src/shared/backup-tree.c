/* SPDX-License-Identifier: MIT */
#include "shared/backup-tree.h"

#include <dirent.h>

#include "shared/files.h"

typedef struct Tree {
        int fd;
        const BackupTreeEvents *events;
} Tree;

static int add(const Tree *t, const char *path, const char *name, unsigned depth);

static int add_directory(const Tree *t, const char *path, const char *name, unsigned depth) {
        int fd = dir_open(path), r = 0;
        if (fd < 0)
                return fd;
        DIR *d = fdopendir(fd);
        if (!d) {
                (void) close(fd);
                return -ENOMEM;
        }
        for (struct dirent *e; r >= 0 && (e = readdir(d));) {
                _cleanup_free_ char *p = NULL, *n = NULL;
                if (e->d_name[0] == '.')
                        continue;
                r = path_join(path, e->d_name, &p);
                if (r >= 0)
                        r = path_join(name, e->d_name, &n);
                if (r >= 0)
                        r = add(t, p, n, depth + 1);
        }
        (void) closedir(d);
        return r;
}

static int add(const Tree *t, const char *path, const char *name, unsigned depth) {
        _cleanup_bytes_ Bytes content = BYTES_NULL;
        struct stat st;
        int r;

        if (stat(path, &st) < 0)
                r = errno == ENOENT ? 0 : -errno;
        else if (!backup_name_valid(name) || depth > BACKUP_TREE_DEPTH_MAX) {
                t->events->skipped(path, depth > BACKUP_TREE_DEPTH_MAX ? -ELOOP : -EINVAL);
                r = 0;
        } else if (S_ISDIR(st.st_mode))
                r = add_directory(t, path, name, depth);
        else {
                r = file_read(path, BACKUP_TREE_FILE_MAX, &content);
                if (r >= 0)
                        r = backup_write_file(t->fd, name, bytes_view(&content));
                if (r >= 0 && t->events->written)
                        t->events->written(name, &st, t->events->userdata);
        }
        if (r == -EACCES || r == -EFBIG || r == -EINVAL) {
                t->events->skipped(path, r);
                r = 0;
        }
        return r;
}

int backup_write_tree(int fd, const char *path, const char *name, const BackupTreeEvents *events) {
        const Tree t = { .fd = fd, .events = events };

        return add(&t, path, name, 0);
}
