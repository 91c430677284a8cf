/* SPDX-License-Identifier: MIT */
#include "cli/backup-settings.h"

#include "shared/backup-tree.h"
#include "shared/files.h"
#include "shared/log.h"
#include "shared/names.h"

#define ETC "etc/"

/* The names below /etc/attezt that are the CA host's; the last two are directories. */
static const char *const roots[] = { "atteztd.conf", "atteztd.conf.d", "ek-roots.d" };

static void on_skipped(const char *path, int error) {
        log_warning_errno(error, "%s is not in the backup: %m", path);
}

int backup_settings_add(int archive) {
        int r = 0;

        for (size_t i = 0; i < ELEMENTSOF(roots) && r >= 0; i++) {
                _cleanup_free_ char *path = NULL, *name = NULL;
                r = path_join(ATTEZT_SETTINGS_DIR, roots[i], &path);
                if (r >= 0)
                        r = path_join("etc", roots[i], &name);
                if (r >= 0)
                        r = backup_write_tree(archive, path, name, on_skipped);
        }
        return r;
}

/* --- Writing back --- */

static bool is_ours(const char *name) {
        for (size_t i = 0; i < ELEMENTSOF(roots); i++) {
                size_t n = strlen(roots[i]);
                if (strncmp(name, roots[i], n) == 0 && (name[n] == 0 || name[n] == '/'))
                        return true;
        }
        return false;
}

static int restore_file(int fd, const BackupHeader *h, void *userdata) {
        _cleanup_free_ char *path = NULL, *parent = NULL;
        _cleanup_bytes_erase_ Bytes content = BYTES_NULL;
        bool force = *(const bool *) userdata;

        if (strncmp(h->name, ETC, strlen(ETC)) != 0 || !is_ours(h->name + strlen(ETC)) || h->size > BACKUP_TREE_FILE_MAX)
                return 0;
        int r = path_join(ATTEZT_SETTINGS_DIR, h->name + strlen(ETC), &path);
        if (r >= 0)
                r = path_parent(path, &parent);
        if (r >= 0)
                r = dir_make_parents(parent, 0755);
        if (r < 0)
                return r;
        if (!force && access(path, F_OK) >= 0) {
                log_warning("%s is there already, and stays as it is; --force replaces it.", path);
                return 0;
        }
        content.data = malloc(h->size + 1);
        if (!content.data)
                return -ENOMEM;
        while (content.size < h->size) {
                ssize_t n = read(fd, content.data + content.size, h->size - content.size);
                if (n <= 0)
                        return n < 0 ? -errno : -EBADMSG;
                content.size += (size_t) n;
        }
        return file_write_atomic_path(path, 0644, bytes_view(&content));
}

int backup_settings_restore(int archive, bool force) {
        return backup_read(archive, restore_file, &force);
}
