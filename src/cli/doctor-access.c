/* SPDX-License-Identifier: MIT */
#include "cli/doctor-access.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define GROUPS_MAX 256

typedef struct User {
        uid_t uid;
        gid_t groups[GROUPS_MAX];
        int n;
} User;

static int find_user(const char *name, User *ret) {
        const struct passwd *p = getpwnam(name);

        if (!p)
                return -ESRCH;
        ret->uid = p->pw_uid;
        ret->n = GROUPS_MAX;
        return getgrouplist(name, p->pw_gid, ret->groups, &ret->n) < 0 ? -E2BIG : 0;
}

static bool in_group(const User *u, gid_t gid) {
        for (int i = 0; i < u->n; i++)
                if (u->groups[i] == gid)
                        return true;
        return false;
}

static bool allows(const User *u, const struct stat *st, mode_t wanted) {
        unsigned shift = st->st_uid == u->uid ? 6 : in_group(u, st->st_gid) ? 3 : 0;
        return u->uid == 0 || ((st->st_mode >> shift) & wanted) == wanted;
}

int user_may(const char *user, const char *path, mode_t wanted) {
        struct stat st;
        User u;

        int r = find_user(user, &u);
        if (r < 0)
                return r;
        if (stat(path, &st) < 0)
                return -errno;
        return allows(&u, &st, wanted);
}

/* The path up to its next part; *end is where that ends, at first the path. False at the end, and where nothing is. */
static bool next_part(const char *path, const char **end, char ret[static ACCESS_PATH_SIZE], struct stat *ret_st) {
        if (!**end)
                return false;
        *end += 1 + strcspn(*end + 1, "/");
        int n = snprintf(ret, ACCESS_PATH_SIZE, "%.*s", (int) (*end - path), path);
        return n >= 0 && (unsigned) n < ACCESS_PATH_SIZE && stat(ret, ret_st) >= 0;
}

int find_unreadable(const char *user, const char *path, char ret[static ACCESS_PATH_SIZE]) {
        char part[ACCESS_PATH_SIZE];
        struct stat st;
        User u;

        int r = find_user(user, &u);
        if (r < 0)
                return r;
        for (const char *end = path; next_part(path, &end, part, &st);) {
                if (allows(&u, &st, *end ? 01 : S_ISDIR(st.st_mode) ? 05 : 04))
                        continue;
                memcpy(ret, part, sizeof(part));
                return 1;
        }
        return 0;
}

int find_closed(const char *path, char ret[static ACCESS_PATH_SIZE], mode_t *ret_mode) {
        const char *last = strrchr(path, '/');
        char part[ACCESS_PATH_SIZE];
        struct stat st;

        for (const char *end = path; next_part(path, &end, part, &st);) {
                mode_t wanted = !*end ? 04 : end == last ? 05 : 01;
                if ((st.st_mode & wanted) == wanted)
                        continue;
                memcpy(ret, part, sizeof(part));
                *ret_mode = st.st_mode & 07777;
                return 1;
        }
        return 0;
}

int user_in_group(const char *user, const char *group) {
        const struct group *g = getgrnam(group);
        User u;

        if (!g)
                return -ESRCH;
        gid_t gid = g->gr_gid;
        int r = find_user(user, &u);
        return r < 0 ? r : in_group(&u, gid);
}
