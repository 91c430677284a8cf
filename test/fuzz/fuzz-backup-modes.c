/* SPDX-License-Identifier: MIT */
/* The name comes first, with its NUL. */
#include "fuzz.h"
#include "protocol/backup-modes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        const uint8_t *end = size > 0 ? memchr(data, 0, size) : NULL;
        BackupMode m;

        if (!end)
                return 0;
        size_t n = (size_t) (end - data) + 1;
        if (backup_mode_find(VIEW(data + n, size - n), (const char *) data, &m) >= 0 &&
            ((m.mode & ~BACKUP_MODE_MASK) || !m.group[0] || strlen(m.group) > BACKUP_GROUP_MAX))
                abort();
        return 0;
}
