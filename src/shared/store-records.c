/* SPDX-License-Identifier: MIT */
#include "shared/store-records.h"

#include "protocol/waiting-device.h"
#include "shared/sealed-records.h"

#define META_VERSION 1U

StoreKey key_of(char kind, const void *p, size_t n) {
        StoreKey k = { .bytes = { (uint8_t) kind }, .size = 1 + n };
        if (n > 0)
                memcpy(k.bytes + 1, p, n);
        return k;
}

StoreKey name_key(const char *name) {
        char folded[DEVICE_NAME_MAX + 1];

        device_name_fold(name, folded);
        return key_of('n', folded, strlen(folded));
}

StoreKey place_key(uint64_t place) {
        uint8_t b[8];
        ByteWriter w = WRITER(b, sizeof(b));

        write_u64(&w, place);
        return key_of('s', b, sizeof(b));
}

bool record_whole(ByteView key, ByteView value) {
        Revocation v;
        ByteView body;
        Device d;
        Issued i;
        WaitingDevice w;

        if (key.size == 0)
                return false;
        switch (key.data[0]) {
        case 'd':
        case 'r':
                return device_record_decode(key, value, &d) >= 0;
        case 'w':
                return waiting_record_decode(key, value, &w) >= 0;
        case 'i':
                return issued_record_decode(key, value, &i) >= 0;
        case 'z':
                if (key.size > 2 && key.data[1] == 'x')
                        return revocation_record_decode(key, value, &v) >= 0;
                return record_unseal(key, value, &body) >= 0;
        default:
                return record_unseal(key, value, &body) >= 0;
        }
}

int put_sealed(DeviceStore *s, const StoreKey *k, ByteView body) {
        return sealed_put_at(s->records, key_view(k), body);
}

int get_sealed_hash(DeviceStore *s, const StoreKey *k, uint8_t ret[static 32]) {
        return sealed_get_exact_at(s->records, key_view(k), ret, 32);
}

int load_meta(DeviceStore *s) {
        StoreKey k = key_of('m', NULL, 0);
        _cleanup_bytes_ Bytes record = BYTES_NULL;
        ByteView body;

        int r = sealed_get_at(s->records, key_view(&k), &record, &body);
        if (r == -ENOENT) {
                s->meta = s->committed = (StoreMeta) { .next = 1 };
                return 0;
        }
        if (r < 0)
                return r;

        ByteReader in = READER(body);
        uint8_t version = read_u8(&in);
        s->meta.devices = read_u64(&in);
        s->meta.issued = read_u64(&in);
        s->meta.next = read_u64(&in);
        s->committed = s->meta;
        return reader_done(&in) && version == META_VERSION ? 0 : -EUCLEAN;
}

int store_meta(DeviceStore *s) {
        StoreKey k = key_of('m', NULL, 0);
        uint8_t buffer[32];
        ByteWriter w = WRITER(buffer, sizeof(buffer));

        write_u8(&w, META_VERSION);
        write_u64(&w, s->meta.devices);
        write_u64(&w, s->meta.issued);
        write_u64(&w, s->meta.next);
        return put_sealed(s, &k, writer_view(&w));
}

int get_device(const DeviceStore *s, char kind, const uint8_t hash[static 32], Device *ret) {
        StoreKey k = key_of(kind, hash, 32);
        _cleanup_bytes_ Bytes record = BYTES_NULL;

        int r = record_store_get(s->records, key_view(&k), &record);
        if (r < 0)
                return r;
        return device_record_decode(key_view(&k), bytes_view(&record), ret) < 0 ? -EUCLEAN : 0;
}

int put_device(DeviceStore *s, char kind, const Device *d) {
        StoreKey k = key_of(kind, d->ek_hash, 32);
        uint8_t record[DEVICE_RECORD_MAX];

        int n = device_record_encode(key_view(&k), d, record);
        return n < 0 ? n : record_store_put(s->records, key_view(&k), VIEW(record, n));
}
