/* SPDX-License-Identifier: MIT */
#include "protocol/backup-modes.h"

#define DIGITS 4U

bool backup_group_good(const char *name) {
        size_t n = strcspn(name, " \n");

        return n > 0 && n <= BACKUP_GROUP_MAX && !name[n];
}

static int read_line(ByteView line, const char *name, BackupMode *ret) {
        BackupMode m = {};
        size_t n = strlen(name);

        for (size_t i = 0; i < DIGITS; i++) {
                if (i >= line.size || line.data[i] < '0' || line.data[i] > '7')
                        return -ENOENT;
                m.mode = m.mode * 8 + (unsigned) (line.data[i] - '0');
        }
        if (line.size < DIGITS + 1 || line.data[DIGITS] != ' ')
                return -ENOENT;
        ByteView rest = VIEW(line.data + DIGITS + 1, line.size - DIGITS - 1);
        const uint8_t *space = memchr(rest.data, ' ', rest.size);
        size_t group = space ? (size_t) (space - rest.data) : 0;
        if (group == 0 || group > BACKUP_GROUP_MAX || memchr(rest.data, 0, group) || rest.size - group - 1 != n ||
            memcmp(space + 1, name, n) != 0)
                return -ENOENT;
        memcpy(m.group, rest.data, group);
        m.mode &= BACKUP_MODE_MASK;
        *ret = m;
        return 0;
}

int backup_mode_find(ByteView text, const char *name, BackupMode *ret) {
        while (text.size > 0) {
                const uint8_t *end = memchr(text.data, '\n', text.size);
                size_t n = end ? (size_t) (end - text.data) : text.size;
                if (read_line(VIEW(text.data, n), name, ret) >= 0)
                        return 0;
                if (!end)
                        break;
                text = VIEW(text.data + n + 1, text.size - n - 1);
        }
        return -ENOENT;
}
