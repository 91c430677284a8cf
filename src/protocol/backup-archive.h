/* SPDX-License-Identifier: MIT */
#pragma once

/* What a backup holds before it is encrypted: files, one after the other, each with a header. */
#include "shared/bytes.h"

#define BACKUP_NAME_MAX 200U                /* characters */
#define BACKUP_MAGIC "attezt backup 1\n"
#define BACKUP_MAGIC_SIZE 16U
#define BACKUP_HEADER_MAX (1U + 2U + BACKUP_NAME_MAX + 8U) /* bytes */

typedef struct BackupHeader {
        char name[BACKUP_NAME_MAX + 1]; /* "ca/root.pem"; "" at the end of the archive */
        uint64_t size;
} BackupHeader;

/* Parts of letters, digits and . _ - @ with a / between each two; none begins with a dot. */
bool backup_name_valid(const char *name);

/* Returns the size; -EINVAL a bad name. An empty name ends the archive. */
int backup_header_encode(const BackupHeader *h, uint8_t ret[static BACKUP_HEADER_MAX]);
/* From the beginning of bytes, which may go on behind it. Returns its size; -EBADMSG. */
int backup_header_decode(ByteView bytes, BackupHeader *ret);
