/* SPDX-License-Identifier: MIT */
#pragma once

/* Who sees the token: whoever may use it can act as this device. Root always; whom TokenUsers= names, by default users
 * with a session on a local seat; and members of the groups of TokenGroups=, by default attezt. */
#include <sys/types.h>

#include "shared/bytes.h"

#define TOKEN_ACCESS_IDS_MAX 64U    /* users, and as many groups */
#define TOKEN_ACCESS_GROUP "attezt"
#define TOKEN_ACCESS_SEAT "@seat"   /* in TokenUsers=: users with a session on a local seat */

typedef struct TokenAccess {
        bool seat;
        size_t n_users, n_groups;
        uid_t users[TOKEN_ACCESS_IDS_MAX];
        gid_t groups[TOKEN_ACCESS_IDS_MAX];
} TokenAccess;

/* users, groups: names of this machine's own files and numbers, separated by blanks; NULL: the default. Who does not
 * exist is told in the log and left out. Reads local files only. */
void token_access_set(TokenAccess *a, const char *users, const char *groups);

typedef enum TokenViewer {
        VIEWER_STRANGER = 0, /* does not see the token */
        VIEWER_MEMBER,       /* by a group alone, which subordinate uids keep: he may have as many uids as he likes */
        VIEWER_USER,         /* root, named, or with a session on a local seat */
} TokenViewer;

/* fd: a connected AF_UNIX socket. Asks the kernel and logind's files. */
TokenViewer token_access_look(const TokenAccess *a, int fd, uid_t uid);
