/* SPDX-License-Identifier: MIT */
#pragma once

/* Who sees the token: whoever may use it can act as this device. Root, the members of group attezt, users with a
 * session on a local seat, and whom TokenUsers= and TokenGroups= name. */
#include <sys/types.h>

#include "shared/bytes.h"

#define TOKEN_ACCESS_IDS_MAX 64U    /* users, and as many groups */
#define TOKEN_ACCESS_GROUP "attezt"

typedef struct TokenAccess {
        size_t n_users, n_groups;
        uid_t users[TOKEN_ACCESS_IDS_MAX];
        gid_t groups[TOKEN_ACCESS_IDS_MAX];
} TokenAccess;

/* users, groups: names and numbers, separated by blanks; NULL: none. Who does not exist is told in the log and left
 * out. Asks the system's user database, which may take its time: at start and reload, never for a client. */
void token_access_set(TokenAccess *a, const char *users, const char *groups);

/* fd: a connected AF_UNIX socket. Asks the kernel and logind's files. */
bool token_access_allows(const TokenAccess *a, int fd, uid_t uid);
