/* SPDX-License-Identifier: MIT */
#include "shared/device-store.h"

#include "shared/record-store.h"

#define META_VERSION 1U

typedef struct Meta {
        uint64_t devices, issued, next; /* next: of listing places and versions, from 1 */
} Meta;

struct DeviceStore {
        RecordStore *records;
        Meta meta, committed;
};

typedef struct Key {
        uint8_t bytes[1 + DEVICE_NAME_MAX];
        size_t size;
} Key;

static ByteView key_view(const Key *k) {
        return VIEW(k->bytes, k->size);
}

static Key key_of(char kind, const void *p, size_t n) {
        Key k = { .bytes = { (uint8_t) kind }, .size = 1 + n };
        if (n > 0)
                memcpy(k.bytes + 1, p, n);
        return k;
}

static Key name_key(const char *name) {
        char folded[DEVICE_NAME_MAX + 1];

        device_name_fold(name, folded);
        return key_of('n', folded, strlen(folded));
}

static Key place_key(uint64_t place) {
        uint8_t b[8];
        ByteWriter w = WRITER(b, sizeof(b));

        write_u64(&w, place);
        return key_of('s', b, sizeof(b));
}

static bool record_whole(ByteView key, ByteView value) {
        ByteView body;
        Device d;
        Issued i;

        if (key.size == 0)
                return false;
        switch (key.data[0]) {
        case 'd':
        case 'r':
                return device_record_decode(key, value, &d) >= 0;
        case 'i':
                return issued_record_decode(key, value, &i) >= 0;
        default:
                return record_unseal(key, value, &body) >= 0;
        }
}

/* Small sealed records: a hash, or the counts. */
static int put_sealed(DeviceStore *s, const Key *k, ByteView body) {
        uint8_t buffer[64];
        ByteWriter w = WRITER(buffer, sizeof(buffer));

        write_view(&w, body);
        int r = record_seal(key_view(k), &w);
        return r < 0 ? r : record_store_put(s->records, key_view(k), writer_view(&w));
}

static int get_hash(DeviceStore *s, const Key *k, uint8_t ret[static 32]) {
        _cleanup_bytes_ Bytes record = BYTES_NULL;
        ByteView body;

        int r = record_store_get(s->records, key_view(k), &record);
        if (r < 0)
                return r;
        r = record_unseal(key_view(k), bytes_view(&record), &body);
        if (r < 0 || body.size != 32)
                return -EUCLEAN;
        memcpy(ret, body.data, 32);
        return 0;
}

static int load_meta(DeviceStore *s) {
        Key k = key_of('m', NULL, 0);
        _cleanup_bytes_ Bytes record = BYTES_NULL;
        ByteView body;

        int r = record_store_get(s->records, key_view(&k), &record);
        if (r == -ENOENT) {
                s->meta = s->committed = (Meta) { .next = 1 };
                return 0;
        }
        if (r < 0)
                return r;
        if (record_unseal(key_view(&k), bytes_view(&record), &body) < 0)
                return -EUCLEAN;

        ByteReader in = READER(body);
        uint8_t version = read_u8(&in);
        s->meta.devices = read_u64(&in);
        s->meta.issued = read_u64(&in);
        s->meta.next = read_u64(&in);
        s->committed = s->meta;
        return reader_done(&in) && version == META_VERSION ? 0 : -EUCLEAN;
}

static int store_meta(DeviceStore *s) {
        Key k = key_of('m', NULL, 0);
        uint8_t buffer[32];
        ByteWriter w = WRITER(buffer, sizeof(buffer));

        write_u8(&w, META_VERSION);
        write_u64(&w, s->meta.devices);
        write_u64(&w, s->meta.issued);
        write_u64(&w, s->meta.next);
        return put_sealed(s, &k, writer_view(&w));
}

int device_store_open(const char *path, DeviceStore **ret, bool *ret_healed) {
        _cleanup_(device_store_freep) DeviceStore *s = calloc(1, sizeof(*s));
        bool healed;

        if (!s)
                return -ENOMEM;
        int r = record_store_open(path, record_whole, &s->records, &healed);
        if (r < 0)
                return r;
        r = load_meta(s);
        if (r < 0)
                return r;

        *ret_healed = healed;
        *ret = TAKE_PTR(s);
        return 0;
}

DeviceStore *device_store_free(DeviceStore *s) {
        if (!s)
                return NULL;
        record_store_free(s->records);
        free(s);
        return NULL;
}

uint64_t device_store_devices(const DeviceStore *s) {
        return s->committed.devices;
}

uint64_t device_store_issued(const DeviceStore *s) {
        return s->committed.issued;
}

static int get_device(DeviceStore *s, char kind, const uint8_t hash[static 32], Device *ret) {
        Key k = key_of(kind, hash, 32);
        _cleanup_bytes_ Bytes record = BYTES_NULL;

        int r = record_store_get(s->records, key_view(&k), &record);
        if (r < 0)
                return r;
        return device_record_decode(key_view(&k), bytes_view(&record), ret) < 0 ? -EUCLEAN : 0;
}

static int put_device(DeviceStore *s, char kind, const Device *d) {
        Key k = key_of(kind, d->ek_hash, 32);
        uint8_t record[DEVICE_RECORD_MAX];

        int n = device_record_encode(key_view(&k), d, record);
        return n < 0 ? n : record_store_put(s->records, key_view(&k), VIEW(record, n));
}

int device_store_get(DeviceStore *s, const uint8_t hash[static 32], Device *ret) {
        return get_device(s, 'd', hash, ret);
}

int device_store_lookup(DeviceStore *s, const char *name_or_hash, Device *ret) {
        uint8_t hash[32];

        if (device_hash_parse(name_or_hash, hash) >= 0)
                return device_store_get(s, hash, ret);
        if (!device_name_valid(name_or_hash))
                return -ENOENT;
        Key k = name_key(name_or_hash);
        int r = get_hash(s, &k, hash);
        if (r < 0)
                return r;
        r = device_store_get(s, hash, ret);
        return r == -ENOENT ? -EUCLEAN : r;
}

int device_store_walk(DeviceStore *s, uint64_t *next, size_t probes, Device *ret) {
        uint64_t place = MAX_OF(*next, (uint64_t) 1);

        for (; probes > 0 && place < s->meta.next; probes--, place++) {
                Key k = place_key(place);
                uint8_t hash[32];
                int r = get_hash(s, &k, hash);
                if (r == -ENOENT)
                        continue;
                if (r >= 0)
                        r = device_store_get(s, hash, ret);
                if (r < 0)
                        return r == -ENOENT ? -EUCLEAN : r;
                *next = place + 1 < s->meta.next ? place + 1 : 0;
                return 0;
        }
        *next = place < s->meta.next ? place : 0;
        return -EAGAIN;
}

int device_store_begin(DeviceStore *s) {
        return record_store_begin(s->records);
}

int device_store_commit(DeviceStore *s) {
        int r = store_meta(s);
        if (r >= 0)
                r = record_store_commit(s->records);
        if (r < 0)
                device_store_cancel(s);
        else
                s->committed = s->meta;
        return r;
}

void device_store_cancel(DeviceStore *s) {
        record_store_cancel(s->records);
        s->meta = s->committed;
}

bool device_store_is_answer(int r) {
        return r >= 0 || r == -EEXIST || r == -ENOTUNIQ || r == -ENOENT || r == -ESTALE || r == -EINVAL;
}

static int names_free(DeviceStore *s, const Device *d) {
        for (unsigned i = 0; i < d->n_names; i++) {
                Key k = name_key(d->names[i]);
                uint8_t hash[32];
                int r = get_hash(s, &k, hash);
                if (r != -ENOENT)
                        return r < 0 ? r : -ENOTUNIQ;
        }
        return 0;
}

int device_store_enroll(DeviceStore *s, const Device *d) {
        Device there, new = *d;

        int r = device_check(d);
        if (r < 0)
                return r;
        r = device_store_get(s, d->ek_hash, &there);
        if (r >= 0)
                return memcmp(there.operation, d->operation, OPERATION_SIZE) == 0 ? 0 : -EEXIST;
        if (r != -ENOENT)
                return r;
        r = names_free(s, d);
        if (r < 0)
                return r;

        new.sequence = new.version = s->meta.next++;
        new.last_issued = 0;
        new.issued = 0;
        s->meta.devices++;
        r = put_device(s, 'd', &new);
        Key place = place_key(new.sequence);
        if (r >= 0)
                r = put_sealed(s, &place, VIEW_ARRAY(new.ek_hash));
        for (unsigned i = 0; r >= 0 && i < d->n_names; i++) {
                Key k = name_key(d->names[i]);
                r = put_sealed(s, &k, VIEW_ARRAY(new.ek_hash));
        }
        return r < 0 ? -EIO : 0;
}

static int removed_by(DeviceStore *s, const uint8_t operation[static OPERATION_SIZE], const char *name_or_hash,
                      Device *ret) {
        uint8_t hash[32];
        Device d;

        if (device_hash_parse(name_or_hash, hash) < 0)
                return -ENOENT;
        int r = get_device(s, 'r', hash, &d);
        if (r < 0)
                return r;
        if (memcmp(d.operation, operation, OPERATION_SIZE) != 0)
                return -ENOENT;
        *ret = d;
        return 0;
}

int device_store_remove(DeviceStore *s, const uint8_t operation[static OPERATION_SIZE], const char *name_or_hash,
                        Device *ret) {
        Device d;

        int r = device_store_lookup(s, name_or_hash, &d);
        if (r == -ENOENT)
                return removed_by(s, operation, name_or_hash, ret);
        if (r < 0)
                return r;

        Key device = key_of('d', d.ek_hash, 32), place = place_key(d.sequence);
        memcpy(d.operation, operation, OPERATION_SIZE);
        s->meta.devices--;
        r = record_store_delete(s->records, key_view(&device));
        if (r >= 0)
                r = record_store_delete(s->records, key_view(&place));
        for (unsigned i = 0; r >= 0 && i < d.n_names; i++) {
                Key k = name_key(d.names[i]);
                r = record_store_delete(s->records, key_view(&k));
        }
        if (r >= 0)
                r = put_device(s, 'r', &d);
        if (r < 0)
                return -EIO;
        *ret = d;
        return 0;
}

int device_store_record_issued(DeviceStore *s, const Issued *i, uint64_t device_version) {
        Key k = key_of('i', i->serial, sizeof(i->serial));
        uint8_t record[ISSUED_RECORD_MAX];
        _cleanup_bytes_ Bytes there = BYTES_NULL;
        Device d;

        int n = issued_record_encode(key_view(&k), i, record);
        if (n < 0)
                return -EINVAL;
        int r = record_store_get(s->records, key_view(&k), &there);
        if (r >= 0)
                return view_equal(bytes_view(&there), VIEW(record, n)) ? 0 : -EEXIST;
        if (r != -ENOENT)
                return r;
        r = device_store_get(s, i->ek_hash, &d);
        if (r < 0)
                return r == -ENOENT ? -ESTALE : r;
        if (d.version != device_version || d.disabled)
                return -ESTALE;

        d.issued++;
        d.last_issued = i->issued;
        s->meta.issued++;
        r = put_device(s, 'd', &d);
        if (r >= 0)
                r = record_store_put(s->records, key_view(&k), VIEW(record, n));
        return r < 0 ? -EIO : 0;
}
