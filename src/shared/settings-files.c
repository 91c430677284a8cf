/* SPDX-License-Identifier: MIT */
#include "shared/settings-files.h"

#include <dirent.h>
#include <stdio.h>

#include "shared/files.h"

typedef struct Pass {
        const char *file;
        SettingsFilesFunc func;
        void *userdata;
} Pass;

static int on_assignment(const char *section, const char *key, const char *value, unsigned line, void *userdata) {
        const Pass *p = userdata;

        return p->func(p->file, line, section, key, value, p->userdata);
}

static void tell_where(const char *file, unsigned line, char **reterr_where) {
        char *where;

        if (!reterr_where)
                return;
        int n = line > 0 ? asprintf(&where, "%s:%u", file, line) : asprintf(&where, "%s", file);
        *reterr_where = n < 0 ? NULL : where;
}

/* -ENOENT: not there. */
static int read_one(const char *file, SettingsFilesFunc func, void *userdata, char **reterr_where) {
        _cleanup_bytes_ Bytes text = BYTES_NULL;
        Pass p = { .file = file, .func = func, .userdata = userdata };
        unsigned line = 0;

        int r = file_read(file, SETTINGS_FILE_MAX, &text);
        if (r == -ENOENT)
                return r;
        if (r >= 0)
                r = settings_parse(bytes_view(&text), on_assignment, &p, &line);
        if (r < 0)
                tell_where(file, line, reterr_where);
        return r;
}

bool settings_is_dropin(const char *name) {
        size_t n = strlen(name);

        return name[0] != '.' && n > 5 && strcmp(name + n - 5, ".conf") == 0;
}

static int is_dropin(const struct dirent *e) {
        return settings_is_dropin(e->d_name);
}

/* In the order of their bytes, whatever the locale. */
static int compare(const struct dirent **a, const struct dirent **b) {
        return strcmp((*a)->d_name, (*b)->d_name);
}

static int read_dropin(const char *dir, const char *name, SettingsFilesFunc func, void *userdata,
                       char **reterr_where) {
        _cleanup_free_ char *file = NULL;

        int r = path_join(dir, name, &file);
        if (r >= 0)
                r = read_one(file, func, userdata, reterr_where);
        return r == -ENOENT ? 0 : r; /* gone meanwhile */
}

static int read_dropins(const char *dir, SettingsFilesFunc func, void *userdata, char **reterr_where) {
        struct dirent **entries;
        int r = 0;

        int n = scandir(dir, &entries, is_dropin, compare);
        if (n < 0) {
                r = errno == ENOENT ? 0 : -errno;
                if (r < 0)
                        tell_where(dir, 0, reterr_where);
                return r;
        }
        if ((unsigned) n > SETTINGS_DROPINS_MAX) {
                r = -E2BIG;
                tell_where(dir, 0, reterr_where);
        }
        for (int i = 0; i < n; i++) {
                if (r >= 0)
                        r = read_dropin(dir, entries[i]->d_name, func, userdata, reterr_where);
                free(entries[i]);
        }
        free(entries);
        return r;
}

const char *settings_strerror(int error) {
        return error == -EBADMSG ? "this is not \"[Section]\", \"Key=value\" or a comment" :
               error == -E2BIG   ? "this is too long" :
                                   strerror(-error);
}

int settings_files_read(const char *path, SettingsFilesFunc func, void *userdata, char **reterr_where) {
        _cleanup_free_ char *dir = NULL;

        if (asprintf(&dir, "%s.d", path) < 0)
                return -ENOMEM;
        int r = read_one(path, func, userdata, reterr_where);
        if (r < 0 && r != -ENOENT)
                return r;
        return read_dropins(dir, func, userdata, reterr_where);
}
