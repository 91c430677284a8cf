/* SPDX-License-Identifier: MIT */
#include "shared/device-store.h"

#include "shared/waiting-store.h"

int device_store_open(const char *path, DeviceStore **ret, bool *ret_healed) {
        _cleanup_(device_store_freep) DeviceStore *s = calloc(1, sizeof(*s));
        bool healed;

        if (!s)
                return -ENOMEM;
        s->limits = WAITING_LIMITS_DEFAULT;
        int r = record_store_open(path, record_whole, &s->records, &healed);
        if (r < 0)
                return r;
        r = load_meta(s);
        if (r >= 0)
                r = waiting_load(s);
        if (r >= 0)
                r = issued_store_open(s->records, &s->certificates);
        if (r < 0)
                return r;

        *ret_healed = healed;
        *ret = TAKE_PTR(s);
        return 0;
}

DeviceStore *device_store_free(DeviceStore *s) {
        if (!s)
                return NULL;
        issued_store_free(s->certificates);
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

IssuedStore *device_store_certificates(const DeviceStore *s) {
        return s->certificates;
}

int device_store_get(const DeviceStore *s, const uint8_t hash[static 32], Device *ret) {
        return get_device(s, 'd', hash, ret);
}

int device_store_lookup(DeviceStore *s, const char *name_or_hash, Device *ret) {
        uint8_t hash[32];

        if (device_hash_parse(name_or_hash, hash) >= 0)
                return device_store_get(s, hash, ret);
        if (!device_name_valid(name_or_hash))
                return -ENOENT;
        StoreKey k = name_key(name_or_hash);
        int r = get_sealed_hash(s, &k, hash);
        if (r < 0)
                return r;
        r = device_store_get(s, hash, ret);
        return r == -ENOENT ? -EUCLEAN : r;
}

int device_store_walk(DeviceStore *s, uint64_t *next, size_t probes, Device *ret) {
        uint64_t place = MAX_OF(*next, (uint64_t) 1);

        for (; probes > 0 && place < s->meta.next; probes--, place++) {
                StoreKey k = place_key(place);
                uint8_t hash[32];
                int r = get_sealed_hash(s, &k, hash);
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

static bool changed(const DeviceStore *s) {
        return record_store_changed(s->records) || memcmp(&s->meta, &s->committed, sizeof(s->meta)) != 0 ||
               issued_store_changed(s->certificates);
}

int device_store_commit(DeviceStore *s) {
        if (!changed(s)) { /* no reason to wait for the disk */
                record_store_cancel(s->records);
                return 0;
        }
        int r = store_meta(s);
        if (r >= 0)
                r = issued_store_prepare(s->certificates);
        if (r >= 0)
                r = record_store_commit(s->records);
        if (r < 0) {
                device_store_cancel(s);
                return r;
        }
        s->committed = s->meta;
        issued_store_finish(s->certificates, true);
        return 0;
}

void device_store_cancel(DeviceStore *s) {
        record_store_cancel(s->records);
        s->meta = s->committed;
        issued_store_finish(s->certificates, false);
        (void) waiting_load(s); /* if even reading fails, so does whatever comes next */
}

bool device_store_is_answer(int r) {
        return r >= 0 || r == -EEXIST || r == -ENOTUNIQ || r == -ENOENT || r == -ESTALE || r == -ENXIO ||
               r == -EINVAL || r == -ENOSPC || r == -EUSERS || r == -EDQUOT || r == -EMLINK ||
               r == -EKEYREJECTED;
}
