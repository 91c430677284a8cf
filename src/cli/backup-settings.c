/* SPDX-License-Identifier: MIT */
#include "cli/backup-settings.h"

#include <grp.h>
#include <stdio.h>

#include "protocol/backup-modes.h"
#include "shared/backup-tree.h"
#include "shared/files.h"
#include "shared/log.h"
#include "shared/names.h"

#define ETC "etc/"
#define MODES ETC "modes" /* of protocol/backup-modes; programs that do not know it pass over it */
#define USUAL_MODE 0644

/* The names below /etc/attezt that are the CA host's; the last two are directories. */
static const char *const roots[] = { "atteztd.conf", "atteztd.conf.d", "ek-roots.d" };

static void on_skipped(const char *path, int error) {
        log_warning_errno(error, "%s is not in the backup: %m", path);
}

static void on_written(const char *name, const struct stat *st, void *userdata) {
        const struct group *g = getgrgid(st->st_gid);

        const char *group = g && backup_group_good(g->gr_name) ? g->gr_name : "root";

        if ((st->st_mode & 07777) != USUAL_MODE || st->st_gid != 0)
                fprintf(userdata, "%04o %s %s\n", st->st_mode & BACKUP_MODE_MASK, group, name);
}

static int add_all(int archive, FILE *modes) {
        const BackupTreeEvents events = { .skipped = on_skipped, .written = on_written, .userdata = modes };
        int r = 0;

        for (size_t i = 0; i < ELEMENTSOF(roots) && r >= 0; i++) {
                _cleanup_free_ char *path = NULL, *name = NULL;
                r = path_join(ATTEZT_SETTINGS_DIR, roots[i], &path);
                if (r >= 0)
                        r = path_join("etc", roots[i], &name);
                if (r >= 0)
                        r = backup_write_tree(archive, path, name, &events);
        }
        return r;
}

int backup_settings_add(int archive) {
        _cleanup_free_ char *text = NULL;
        size_t size;
        FILE *modes = open_memstream(&text, &size);

        if (!modes)
                return -ENOMEM;
        int r = add_all(archive, modes);
        if (fclose(modes) != 0 && r >= 0)
                r = -ENOMEM;
        return r < 0 || size == 0 ? r : backup_write_file(archive, MODES, VIEW(text, size));
}

/* --- Writing back --- */

typedef struct Restore {
        bool force;
        Bytes modes;
} Restore;

static bool is_ours(const char *name) {
        for (size_t i = 0; i < ELEMENTSOF(roots); i++) {
                size_t n = strlen(roots[i]);
                if (strncmp(name, roots[i], n) == 0 && (name[n] == 0 || name[n] == '/'))
                        return true;
        }
        return false;
}

static int read_content(int fd, uint64_t size, Bytes *ret) {
        _cleanup_bytes_erase_ Bytes content = BYTES_NULL;

        content.data = malloc(size + 1);
        if (!content.data)
                return -ENOMEM;
        while (content.size < size) {
                ssize_t n = read(fd, content.data + content.size, size - content.size);
                if (n <= 0)
                        return n < 0 ? -errno : -EBADMSG;
                content.size += (size_t) n;
        }
        *ret = TAKE_BYTES(content);
        return 0;
}

static int find_modes(int fd, const BackupHeader *h, void *userdata) {
        Restore *w = userdata;

        if (strcmp(h->name, MODES) != 0 || w->modes.data)
                return 0;
        if (h->size > BACKUP_TREE_FILE_MAX)
                return -EBADMSG; /* or else all would come back open */
        return read_content(fd, h->size, &w->modes);
}

/* Has its name when it has its group. Where there is no such group, doctor says who cannot read it. */
static int write_closed(const char *path, const BackupMode *m, ByteView content) {
        const struct group *g = getgrnam(m->group);
        _cleanup_free_ char *new = NULL;

        if (asprintf(&new, "%s.new", path) < 0) {
                new = NULL;
                return -ENOMEM;
        }
        int r = file_write_atomic_path(new, 0600, content);
        if (r < 0)
                return r;
        if (!g)
                log_warning("%s was for group %s to read, which is not on this machine.", path, m->group);
        if ((g && lchown(new, (uid_t) -1, g->gr_gid) < 0) || chmod(new, m->mode) < 0 || rename(new, path) < 0) {
                r = -errno;
                (void) unlink(new);
                return r;
        }
        return dir_fsync_parent(path);
}

static int restore_file(int fd, const BackupHeader *h, void *userdata) {
        _cleanup_free_ char *path = NULL, *parent = NULL;
        _cleanup_bytes_erase_ Bytes content = BYTES_NULL;
        const Restore *w = userdata;
        BackupMode mode;

        if (strncmp(h->name, ETC, strlen(ETC)) != 0 || !is_ours(h->name + strlen(ETC)) || h->size > BACKUP_TREE_FILE_MAX)
                return 0;
        int r = path_join(ATTEZT_SETTINGS_DIR, h->name + strlen(ETC), &path);
        if (r >= 0)
                r = path_parent(path, &parent);
        if (r >= 0)
                r = dir_make_parents(parent, 0755);
        if (r < 0)
                return r;
        if (!w->force && access(path, F_OK) >= 0) {
                log_warning("%s is there already, and stays as it is; --force replaces it.", path);
                return 0;
        }
        r = read_content(fd, h->size, &content);
        if (r < 0)
                return r;
        return backup_mode_find(bytes_view(&w->modes), h->name, &mode) >= 0 ?
                       write_closed(path, &mode, bytes_view(&content)) :
                       file_write_atomic_path(path, USUAL_MODE, bytes_view(&content));
}

int backup_settings_restore(int archive, bool force) {
        Restore w = { .force = force };

        int r = backup_read(archive, find_modes, &w);
        if (r >= 0)
                r = backup_read(archive, restore_file, &w);
        bytes_done(&w.modes);
        return r;
}
