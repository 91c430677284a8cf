/* SPDX-License-Identifier: MIT */
#pragma once

/* Modes of a backup's settings files that were not for everybody to read: a text beside them, a line each ("0640 GROUP
 * NAME"), since the archive's headers have no room for it. Backups of before have none. */
#include "shared/bytes.h"

#define BACKUP_GROUP_MAX 32U /* characters, as useradd(8) has it */
#define BACKUP_MODE_MASK 0664U

typedef struct BackupMode {
        unsigned mode; /* of BACKUP_MODE_MASK */
        char group[BACKUP_GROUP_MAX + 1];
} BackupMode;

/* Whether a group's name can stand in a line: others may have spaces, or be longer. */
bool backup_group_good(const char *name);
/* -ENOENT: no line of text is about name. Lines that are none are passed over. */
int backup_mode_find(ByteView text, const char *name, BackupMode *ret);
