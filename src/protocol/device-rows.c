/* SPDX-License-Identifier: MIT */
#include "protocol/device-rows.h"

static const char MAGIC[8] = { 'a', 't', 't', 'e', 'z', 't', 'R', '1' };

enum {
        ROW_ANY_NAME = 1,
        ROW_PINNED = 2,
        ROW_DISABLED = 4,
        _ROW_ALL = 7,
};

void device_rows_head(uint32_t n, uint8_t ret[static DEVICE_ROWS_HEAD_SIZE]) {
        ByteWriter w = WRITER(ret, DEVICE_ROWS_HEAD_SIZE);

        write_bytes(&w, MAGIC, sizeof(MAGIC));
        write_u32(&w, n);
}

int device_row_encode(const Device *d, uint8_t ret[static DEVICE_ROW_SIZE_MAX]) {
        ByteWriter w = WRITER(ret, DEVICE_ROW_SIZE_MAX);

        if (device_check(d) < 0)
                return -EINVAL;
        write_bytes(&w, d->ek_hash, sizeof(d->ek_hash));
        write_u8(&w, (uint8_t) ((d->any_name ? ROW_ANY_NAME : 0) | (d->pinned ? ROW_PINNED : 0) |
                                (d->disabled ? ROW_DISABLED : 0)));
        write_u64(&w, (uint64_t) d->ak_lifetime);
        write_u64(&w, (uint64_t) d->expires);
        write_u8(&w, (uint8_t) d->n_names);
        for (unsigned i = 0; i < d->n_names; i++) {
                write_u8(&w, (uint8_t) strlen(d->names[i]));
                write_bytes(&w, d->names[i], strlen(d->names[i]));
        }
        write_u16(&w, (uint16_t) strlen(d->note));
        write_bytes(&w, d->note, strlen(d->note));
        return w.failed ? -EINVAL : (int) w.size;
}

int device_rows_open(ByteView data, DeviceRows *ret) {
        DeviceRows rows = { .reader = READER(data) };
        char magic[sizeof(MAGIC)];

        read_into(&rows.reader, magic, sizeof(magic));
        rows.n = read_u32(&rows.reader);
        if (rows.reader.failed || memcmp(magic, MAGIC, sizeof(MAGIC)) != 0)
                return -EBADMSG;
        if (rows.n > DEVICE_ROWS_MAX || data.size > DEVICE_ROWS_BYTES_MAX)
                return -E2BIG;
        *ret = rows;
        return 0;
}

static void read_text(ByteReader *r, size_t n, char *ret, size_t max) {
        ByteView v = read_view(r, n);

        if (r->failed || v.size > max || (v.size > 0 && memchr(v.data, 0, v.size))) {
                r->failed = true;
                return;
        }
        if (v.size > 0)
                memcpy(ret, v.data, v.size);
        ret[v.size] = 0;
}

int device_rows_next(DeviceRows *rows, Device *ret) {
        ByteReader *r = &rows->reader;
        Device d = {};

        if (rows->next == rows->n)
                return reader_done(r) ? 0 : -EBADMSG;
        read_into(r, d.ek_hash, sizeof(d.ek_hash));
        uint8_t flags = read_u8(r);
        d.any_name = flags & ROW_ANY_NAME;
        d.pinned = flags & ROW_PINNED;
        d.disabled = flags & ROW_DISABLED;
        d.ak_lifetime = (int64_t) read_u64(r);
        d.expires = (int64_t) read_u64(r);
        d.n_names = read_u8(r);
        if (d.n_names > DEVICE_NAMES_MAX || (flags & ~_ROW_ALL) != 0)
                return -EBADMSG;
        for (unsigned i = 0; i < d.n_names; i++)
                read_text(r, read_u8(r), d.names[i], DEVICE_NAME_MAX);
        read_text(r, read_u16(r), d.note, DEVICE_NOTE_MAX);
        if (r->failed || device_check(&d) < 0)
                return -EBADMSG;
        rows->next++;
        *ret = d;
        return 1;
}
