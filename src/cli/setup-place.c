/* SPDX-License-Identifier: MIT */
/* Where root may write for a user's sake: nowhere. It would leave files there that the user cannot change, or follow
 * links that the user has put there. */
#include <limits.h>
#include <pwd.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "cli/setup.h"
#include "protocol/shell-quote.h"
#include "shared/files.h"

#define QUOTED_MAX (4U * PATH_MAX)

/* As it is without links, so that nobody moves one while it is used. What is not there yet keeps its name. */
static int resolve(const char *path, char **ret) {
        _cleanup_free_ char *parent = NULL, *there = realpath(path, NULL);
        int r;

        if (there || errno != ENOENT || strcmp(path, ".") == 0 || strcmp(path, "/") == 0) {
                r = there ? 0 : -errno;
                if (there)
                        *ret = TAKE_PTR(there);
                return r;
        }
        r = path_parent(path, &parent);
        if (r >= 0)
                r = resolve(parent, &there);
        const char *slash = strrchr(path, '/');
        return r < 0 ? r : path_join(there, slash ? slash + 1 : path, ret);
}

static int refuse_owner(const char *path, uid_t uid, const char *option) {
        char quoted[QUOTED_MAX] = "";
        const struct passwd *p = getpwuid(uid);

        if (!p)
                log_error("%s belongs to the user with ID %u, and this is root. Run it as that user.", path, uid);
        else if (option && shell_quote(option, quoted, sizeof(quoted)) < 0)
                log_error("%s belongs to user %s, and this is root. Run it as that user.", path, p->pw_name);
        else
                log_error("%s belongs to user %s, and this is root. Run it as that user: sudo -H -u %s attezt setup "
                          "nss%s%s", path, p->pw_name, p->pw_name, option ? " --database " : "", quoted);
        return EXIT_FAILURE;
}

/* shared: everybody may make something there, and each can remove only his own. */
static int check_step(const char *path, const struct stat *st, const char *option, bool *shared) {
        bool others = st->st_mode & (S_IWOTH | (st->st_gid != 0 ? S_IWGRP : 0U));

        if (st->st_uid != 0)
                return refuse_owner(path, st->st_uid, option);
        *shared = others && S_ISDIR(st->st_mode) && (st->st_mode & S_ISVTX);
        if (!others || *shared)
                return EXIT_SUCCESS;
        log_error("Others than root may write to %s, and this is root. Run it as the user whose database it is, or "
                  "take their right away (chmod go-w).", path);
        return EXIT_FAILURE;
}

/* path: without links, as far as it is there. */
static int check_way(char *path, const char *option) {
        int status = EXIT_SUCCESS;
        bool shared = false;
        struct stat st;

        for (size_t n = 1; status == EXIT_SUCCESS; n++) {
                char c = path[n];
                if (c && c != '/')
                        continue;
                path[n] = 0;
                bool there = lstat(path, &st) >= 0;
                if (there)
                        status = check_step(path, &st, option, &shared);
                path[n] = c;
                if (!there || !c)
                        break;
        }
        if (status != EXIT_SUCCESS || !shared)
                return status;
        log_error("Everybody may make files where %s is to be, and this is root. Make it first, or run it as the user "
                  "whose database it is.", path);
        return EXIT_FAILURE;
}

int setup_own_place(const char *dir, const char *option, char **ret) {
        _cleanup_free_ char *path = NULL;

        int r = resolve(dir, &path);
        if (r < 0) {
                log_error_errno(r, "Could not look at %s: %m", dir);
                return r == -EACCES ? EXIT_DENIED : EXIT_FAILURE;
        }
        int status = geteuid() == 0 ? check_way(path, option) : EXIT_SUCCESS;
        if (status == EXIT_SUCCESS)
                *ret = TAKE_PTR(path);
        return status;
}
