/* SPDX-License-Identifier: MIT */
#include "renewed/units.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "renewed/hooks.h"
#include "shared/files.h"
#include "shared/log.h"
#include "shared/settings-files.h"

#define UNIT_NAME_MAX 255U
#define UNIT_CHARACTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:-_.\\@"

void units_done(Units *u) {
        free(u->text);
        *u = (Units) {};
}

/* A later line takes an earlier one's place, as everywhere in agent.conf; the other settings are the agent's. */
static int on_setting(const char *file, unsigned line, const char *section, const char *key, const char *value,
                      void *userdata) {
        char **text = userdata;

        if (strcmp(section, "Agent") != 0 || strcmp(key, "ReloadUnits") != 0)
                return 0;
        free(*text);
        *text = strdup(value);
        return *text ? 0 : -ENOMEM;
}

static bool is_unit(const char *name) {
        size_t n = strlen(name);
        return n <= UNIT_NAME_MAX && *name != '-' && strspn(name, UNIT_CHARACTERS) == n && strchr(name, '.');
}

static int split(Units *u) {
        char escaped[LOG_ESCAPED_MAX], *rest = NULL;

        for (char *name = strtok_r(u->text, " \t", &rest); name; name = strtok_r(NULL, " \t", &rest)) {
                if (!is_unit(name)) {
                        log_warning("ReloadUnits=: %s is no name of a unit (such as nginx.service), ignored.",
                                    log_escape(name, strlen(name), escaped));
                        continue;
                }
                if (u->n == UNITS_MAX)
                        return -E2BIG;
                u->names[u->n++] = name;
        }
        return 0;
}

static int check_dropins(const char *dir, char **reterr_where) {
        int r = 0;

        DIR *d = opendir(dir);
        if (!d)
                return errno == ENOENT ? 0 : -errno;
        for (struct dirent *de; r >= 0 && (errno = 0, de = readdir(d));) {
                if (!settings_is_dropin(de->d_name))
                        continue;
                r = trusted_at(dirfd(d), de->d_name, S_IFREG);
                if (r == -EPERM)
                        (void) path_join(dir, de->d_name, reterr_where);
        }
        if (r >= 0)
                r = -errno;
        (void) closedir(d);
        return r;
}

/* What is not there is nobody's. The directory comes before its files: in one that is root's nobody changes them. */
static int check_files(const char *config, char **reterr_where) {
        _cleanup_free_ char *dir = NULL;
        int r;

        if (asprintf(&dir, "%s.d", config) < 0) {
                dir = NULL;
                return -ENOMEM;
        }
        r = trusted_at(AT_FDCWD, config, S_IFREG);
        if (r < 0 && r != -ENOENT) {
                *reterr_where = strdup(config);
                return r;
        }
        r = trusted_at(AT_FDCWD, dir, S_IFDIR);
        if (r < 0 && r != -ENOENT) {
                *reterr_where = TAKE_PTR(dir);
                return r;
        }
        return r == -ENOENT ? 0 : check_dropins(dir, reterr_where);
}

int units_read(const char *config, Units *ret, char **reterr_where) {
        _cleanup_(units_done) Units u = {};
        _cleanup_free_ char *where = NULL;
        int r;

        r = check_files(config, reterr_where);
        if (r < 0)
                return r;
        r = settings_files_read(config, on_setting, &u.text, &where);
        if (r == -ENOMEM)
                return r;
        if (r < 0)
                log_error("%s: %s. Going on without what comes after it.", where ?: config, settings_strerror(r));
        if (u.text) {
                r = split(&u);
                if (r < 0)
                        return r;
        }
        *ret = TAKE_GENERIC(u, (Units) {});
        return 0;
}
