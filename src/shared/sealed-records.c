/* SPDX-License-Identifier: MIT */
#include "shared/sealed-records.h"

#include "protocol/device-record.h"

SealedKey sealed_key(char kind, ByteView what) {
        SealedKey k = { .bytes = { 'z', (uint8_t) kind }, .size = 2 + MIN_OF(what.size, (size_t) SEALED_KEY_MAX - 2) };

        if (k.size > 2)
                memcpy(k.bytes + 2, what.data, k.size - 2);
        return k;
}

SealedKey sealed_key_number(char kind, uint64_t number) {
        uint8_t b[8];
        ByteWriter w = WRITER(b, sizeof(b));

        write_u64(&w, number);
        return sealed_key(kind, VIEW_ARRAY(b));
}

static int put(RecordStore *s, ByteView key, ByteView body, uint8_t *buffer, size_t capacity) {
        ByteWriter w = WRITER(buffer, capacity);

        write_view(&w, body);
        int r = record_seal(key, &w);
        return r < 0 ? r : record_store_put(s, key, writer_view(&w));
}

int sealed_put_at(RecordStore *s, ByteView key, ByteView body) {
        uint8_t buffer[SEALED_SMALL_MAX + RECORD_SEAL_MAX];

        return body.size > SEALED_SMALL_MAX ? -E2BIG : put(s, key, body, buffer, sizeof(buffer));
}

int sealed_put(RecordStore *s, SealedKey k, ByteView body) {
        return sealed_put_at(s, sealed_key_view(&k), body);
}

int sealed_put_large(RecordStore *s, SealedKey k, ByteView body) {
        size_t capacity = body.size + RECORD_SEAL_MAX;
        _cleanup_free_ uint8_t *buffer = malloc(capacity);

        return buffer ? put(s, sealed_key_view(&k), body, buffer, capacity) : -ENOMEM;
}

int sealed_get_at(RecordStore *s, ByteView key, Bytes *record, ByteView *ret) {
        _cleanup_bytes_ Bytes b = BYTES_NULL;
        ByteView body;

        int r = record_store_get(s, key, &b);
        if (r < 0)
                return r;
        r = record_unseal(key, bytes_view(&b), &body);
        if (r < 0)
                return r == -ENOMEM ? r : -EUCLEAN;
        *record = TAKE_BYTES(b);
        *ret = body;
        return 0;
}

int sealed_get(RecordStore *s, SealedKey k, Bytes *record, ByteView *ret) {
        return sealed_get_at(s, sealed_key_view(&k), record, ret);
}

int sealed_get_exact_at(RecordStore *s, ByteView key, void *ret, size_t size) {
        _cleanup_bytes_ Bytes record = BYTES_NULL;
        ByteView body;

        int r = sealed_get_at(s, key, &record, &body);
        if (r < 0)
                return r;
        if (body.size != size)
                return -EUCLEAN;
        memcpy(ret, body.data, size);
        return 0;
}

int sealed_get_exact(RecordStore *s, SealedKey k, void *ret, size_t size) {
        return sealed_get_exact_at(s, sealed_key_view(&k), ret, size);
}
