/* SPDX-License-Identifier: MIT */
#include "shared/issued-records.h"

IssuedKey issued_key(const uint8_t serial[static AK_SERIAL_SIZE]) {
        IssuedKey k = { .bytes = { 'i' } };

        memcpy(k.bytes + 1, serial, AK_SERIAL_SIZE);
        return k;
}

int issued_place(IssuedStore *s, uint64_t place, IssuedPlace *ret) {
        _cleanup_bytes_ Bytes record = BYTES_NULL;
        IssuedPlace p = {};
        ByteView body;

        int r = sealed_get(s->records, sealed_key_number('p', place), &record, &body);
        if (r < 0)
                return r;
        ByteReader in = READER(body);
        if (body.size == sizeof(p.go_on))
                p.go_on = read_u64(&in);
        else
                read_into(&in, p.serial, sizeof(p.serial));
        if (!reader_done(&in) || p.go_on >= place)
                return -EUCLEAN;
        *ret = p;
        return 0;
}

int issued_last(IssuedStore *s, const uint8_t *hash, uint64_t *ret) {
        uint8_t number[8];

        int r = sealed_get_exact(s->records, sealed_key('h', VIEW(hash, 32)), number, sizeof(number));
        if (r < 0)
                return r;
        ByteReader in = READER(VIEW_ARRAY(number));
        *ret = read_u64(&in);
        return 0;
}
