/* SPDX-License-Identifier: MIT */
#pragma once

/* A backup that was handed in: unpacked and looked at beside what is in use, and put in its place at the next start. */
#include "server/server-state.h"

#define BACKUP_INVENTORY "inventory.tdb"
#define BACKUP_CA "ca/"
#define BACKUP_TRUST "trust"   /* what "attezt ca trust" keeps */
#define BACKUP_SETTINGS "etc/" /* not atteztd's: attezt(1) writes and reads those */

/* -EBADMSG: this is no backup, or its parts do not fit; else what failed. */
int backup_stage(const Server *s, int archive_fd);
/* At the start, before anything is opened; nothing to do is fine. Can be cut off and repeated. */
int backup_put_in_place(const ServerSettings *settings);
