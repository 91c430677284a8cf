/* SPDX-License-Identifier: MIT */
#include "protocol/backup-archive.h"

enum { MARK_END = 0, MARK_FILE = 1 };

static bool is_part_character(char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || (c && strchr("._-@", c));
}

bool backup_name_valid(const char *name) {
        bool start = true;

        for (size_t i = 0; name[i]; i++) {
                if (i >= BACKUP_NAME_MAX)
                        return false;
                if (name[i] == '/' ? start : !is_part_character(name[i]) || (start && name[i] == '.'))
                        return false;
                start = name[i] == '/';
        }
        return !start;
}

int backup_header_encode(const BackupHeader *h, uint8_t ret[static BACKUP_HEADER_MAX]) {
        ByteWriter w = WRITER(ret, BACKUP_HEADER_MAX);

        if (!h->name[0]) {
                write_u8(&w, MARK_END);
                return (int) w.size;
        }
        if (!backup_name_valid(h->name))
                return -EINVAL;
        write_u8(&w, MARK_FILE);
        write_u16(&w, (uint16_t) strlen(h->name));
        write_bytes(&w, h->name, strlen(h->name));
        write_u64(&w, h->size);
        return (int) w.size;
}

int backup_header_decode(ByteView bytes, BackupHeader *ret) {
        ByteReader in = READER(bytes);
        BackupHeader h = {};

        uint8_t mark = read_u8(&in);
        if (!in.failed && mark == MARK_END) {
                *ret = h;
                return 1;
        }
        uint16_t n = read_u16(&in);
        ByteView name = read_view(&in, n);
        h.size = read_u64(&in);
        if (in.failed || mark != MARK_FILE || n > BACKUP_NAME_MAX || h.size > INT64_MAX)
                return -EBADMSG;
        if (n > 0)
                memcpy(h.name, name.data, n);
        if (strlen(h.name) != n || !backup_name_valid(h.name))
                return -EBADMSG;
        *ret = h;
        return (int) (bytes.size - in.left);
}
