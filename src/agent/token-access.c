/* SPDX-License-Identifier: MIT */
#include "agent/token-access.h"

#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <sys/socket.h>
#include <systemd/sd-login.h>

#include "shared/log.h"

#define GROUPS_MAX 65536U /* NGROUPS_MAX of the kernel */

static void fclosep(FILE **f) {
        if (*f)
                (void) fclose(*f);
}

/* A number that is no name. (uid_t) -1 is nobody. */
static bool parse_id(const char *word, uint32_t *ret) {
        char *end;

        if (*word < '0' || *word > '9')
                return false;
        errno = 0;
        unsigned long n = strtoul(word, &end, 10);
        if (errno != 0 || *end || n >= UINT32_MAX)
                return false;
        *ret = (uint32_t) n;
        return true;
}

/* Of this machine's own files: other sources of users may keep the loop waiting, and use p11-kit themselves. */
static bool find_user(const char *word, uint32_t *ret) {
        _cleanup_(fclosep) FILE *f = fopen("/etc/passwd", "re");

        for (const struct passwd *p; f && (p = fgetpwent(f));)
                if (strcmp(p->pw_name, word) == 0) {
                        *ret = p->pw_uid;
                        return true;
                }
        return false;
}

static bool find_group(const char *word, uint32_t *ret) {
        _cleanup_(fclosep) FILE *f = fopen("/etc/group", "re");

        for (const struct group *g; f && (g = fgetgrent(f));)
                if (strcmp(g->gr_name, word) == 0) {
                        *ret = g->gr_gid;
                        return true;
                }
        return false;
}

static size_t resolve(const char *list, const char *setting, bool (*find)(const char *, uint32_t *), uint32_t *ids) {
        _cleanup_free_ char *words = strdup(list ?: "");
        char *state = NULL, escaped[LOG_ESCAPED_MAX];
        size_t n = 0;

        for (char *w = words ? strtok_r(words, " \t", &state) : NULL; w; w = strtok_r(NULL, " \t", &state)) {
                uint32_t id;
                if (!parse_id(w, &id) && !find(w, &id))
                        log_warning("%s= names \"%s\", who is not in this machine's own files (a number works "
                                    "always): ignored.", setting,
                                    log_escape(w, strlen(w), escaped));
                else if (n == TOKEN_ACCESS_IDS_MAX)
                        log_warning("%s= has more entries than %u: \"%s\" is ignored.", setting, TOKEN_ACCESS_IDS_MAX,
                                    log_escape(w, strlen(w), escaped));
                else
                        ids[n++] = id;
        }
        return n;
}

/* A word of TokenUsers= that is no name. */
static bool take_word(char *list, const char *word) {
        size_t n = strlen(word);
        bool found = false;

        for (char *p = list; (p = strstr(p, word));)
                if ((p == list || strchr(" \t", p[-1])) && (!p[n] || strchr(" \t", p[n]))) {
                        memset(p, ' ', n);
                        found = true;
                } else
                        p += n;
        return found;
}

void token_access_set(TokenAccess *a, const char *users, const char *groups) {
        _cleanup_free_ char *names = strdup(users ?: TOKEN_ACCESS_SEAT);

        *a = (TokenAccess) {};
        a->seat = names && take_word(names, TOKEN_ACCESS_SEAT);
        a->n_users = resolve(names, "TokenUsers", find_user, a->users);
        a->n_groups = resolve(groups ?: TOKEN_ACCESS_GROUP, "TokenGroups", find_group, a->groups);
}

static bool has_group(const TokenAccess *a, gid_t gid) {
        for (size_t i = 0; i < a->n_groups; i++)
                if (a->groups[i] == gid)
                        return true;
        return false;
}

/* The groups that the client had when it connected: no user database is asked. */
static bool in_group(const TokenAccess *a, int fd) {
        struct ucred peer;
        socklen_t size = sizeof(peer);

        if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) >= 0 && has_group(a, peer.gid))
                return true;

        size = 0;
        if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, NULL, &size) >= 0 || errno != ERANGE ||
            size > GROUPS_MAX * sizeof(gid_t))
                return false;
        _cleanup_free_ gid_t *gids = malloc(size);
        if (!gids || getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, gids, &size) < 0)
                return false;
        for (size_t i = 0; i < size / sizeof(gid_t); i++)
                if (has_group(a, gids[i]))
                        return true;
        return false;
}

TokenViewer token_access_look(const TokenAccess *a, int fd, uid_t uid) {
        if (uid == 0)
                return VIEWER_USER;
        for (size_t i = 0; i < a->n_users; i++)
                if (a->users[i] == uid)
                        return VIEWER_USER;
        if (a->seat && sd_uid_get_seats(uid, 0, NULL) > 0)
                return VIEWER_USER;
        return in_group(a, fd) ? VIEWER_MEMBER : VIEWER_STRANGER;
}
