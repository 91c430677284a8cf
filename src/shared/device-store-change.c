/* SPDX-License-Identifier: MIT */
#include "shared/device-store.h"
#include "shared/waiting-store.h"

static bool same_operation(const Device *d, const uint8_t operation[static OPERATION_SIZE]) {
        return memcmp(d->operation, operation, OPERATION_SIZE) == 0;
}

/* --- Names --- */

int device_store_names_free(DeviceStore *s, const Device *d) {
        for (unsigned i = 0; i < d->n_names; i++) {
                StoreKey k = name_key(d->names[i]);
                uint8_t hash[32];
                int r = get_sealed_hash(s, &k, hash);
                if (r == -ENOENT || (r >= 0 && memcmp(hash, d->ek_hash, sizeof(hash)) == 0))
                        continue;
                return r < 0 ? r : -ENOTUNIQ;
        }
        return 0;
}

static int give_names(DeviceStore *s, const Device *d) {
        int r = 0;

        for (unsigned i = 0; r >= 0 && i < d->n_names; i++) {
                StoreKey k = name_key(d->names[i]);
                r = put_sealed(s, &k, VIEW_ARRAY(d->ek_hash));
        }
        return r;
}

static int take_names(DeviceStore *s, const Device *d) {
        int r = 0;

        for (unsigned i = 0; r >= 0 && i < d->n_names; i++) {
                StoreKey k = name_key(d->names[i]);
                r = record_store_delete(s->records, key_view(&k));
        }
        return r;
}

/* --- A new device --- */

int device_store_add(DeviceStore *s, const Device *d) {
        Device new = *d;

        new.sequence = new.version = s->meta.next++;
        s->meta.devices++;
        int r = put_device(s, 'd', &new);
        StoreKey place = place_key(new.sequence);
        if (r >= 0)
                r = put_sealed(s, &place, VIEW_ARRAY(new.ek_hash));
        if (r >= 0)
                r = give_names(s, &new);
        if (r >= 0)
                r = waiting_forget(s, new.ek_hash); /* it waits no longer */
        return r < 0 ? -EIO : 0;
}

int device_store_enroll(DeviceStore *s, const Device *d) {
        Device there, new = *d;

        int r = device_check(d);
        if (r < 0)
                return r;
        r = device_store_get(s, d->ek_hash, &there);
        if (r >= 0)
                return same_operation(&there, d->operation) ? 0 : -EEXIST;
        if (r != -ENOENT)
                return r;
        r = device_store_names_free(s, d);
        if (r < 0)
                return r;
        new.last_issued = new.last_seen = 0;
        new.issued = 0;
        return device_store_add(s, &new);
}

int device_store_import(DeviceStore *s, const Device *d) {
        Device there;

        int r = device_store_get(s, d->ek_hash, &there);
        if (r >= 0)
                return device_same_settings(&there, d) ? 0 : -EEXIST;
        if (r != -ENOENT)
                return r;
        r = device_store_names_free(s, d);
        if (r < 0)
                return r;
        r = device_store_add(s, d);
        return r < 0 ? r : 1;
}

/* --- Changes --- */

int device_store_change(DeviceStore *s, const uint8_t operation[static OPERATION_SIZE], const char *name_or_hash,
                        const DeviceChange *change, Device *ret) {
        Device before, d;

        int r = device_store_lookup(s, name_or_hash, &before);
        if (r < 0)
                return r;
        if (same_operation(&before, operation)) {
                *ret = before;
                return 0;
        }
        d = before;
        r = device_change_apply(change, &d);
        if (r >= 0)
                r = device_store_names_free(s, &d);
        if (r < 0)
                return r;

        memcpy(d.operation, operation, OPERATION_SIZE);
        d.version = s->meta.next++;
        r = take_names(s, &before);
        if (r >= 0)
                r = give_names(s, &d);
        if (r >= 0)
                r = put_device(s, 'd', &d);
        if (r < 0)
                return -EIO;
        *ret = d;
        return 0;
}

/* The name has moved with the first call; by the new hash the repetition is known. */
int device_store_replace(DeviceStore *s, const uint8_t operation[static OPERATION_SIZE], const char *name_or_hash,
                         const DeviceReplacement *by, Device *ret) {
        Device old, new, there;

        int r = device_store_get(s, by->ek_hash, &there);
        if (r >= 0) {
                if (!same_operation(&there, operation))
                        return -EEXIST;
                *ret = there;
                return 0;
        }
        if (r == -ENOENT)
                r = device_store_lookup(s, name_or_hash, &old);
        if (r < 0)
                return r;

        r = take_names(s, &old);
        device_replace(by, &old, &new);
        memcpy(new.operation, operation, OPERATION_SIZE);
        memcpy(old.operation, operation, OPERATION_SIZE);
        old.version = s->meta.next++;
        if (r >= 0)
                r = put_device(s, 'd', &old);
        if (r >= 0)
                r = device_store_add(s, &new);
        return r < 0 ? -EIO : device_store_get(s, by->ek_hash, ret);
}

int device_store_seen(DeviceStore *s, const uint8_t hash[static 32], int64_t now) {
        Device d;

        int r = device_store_get(s, hash, &d);
        if (r < 0)
                return r;
        if (now - d.last_seen < DEVICE_SEEN_SEC && now >= d.last_seen)
                return 0;
        d.last_seen = now;
        return put_device(s, 'd', &d) < 0 ? -EIO : 0;
}

/* --- The end of a device --- */

int device_store_forget(DeviceStore *s, const Device *d) {
        StoreKey device = key_of('d', d->ek_hash, 32), place = place_key(d->sequence);

        s->meta.devices--;
        int r = record_store_delete(s->records, key_view(&device));
        if (r >= 0)
                r = record_store_delete(s->records, key_view(&place));
        if (r >= 0)
                r = take_names(s, d);
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
        if (!same_operation(&d, operation))
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

        memcpy(d.operation, operation, OPERATION_SIZE);
        r = device_store_forget(s, &d);
        if (r >= 0)
                r = put_device(s, 'r', &d);
        if (r < 0)
                return -EIO;
        *ret = d;
        return 0;
}

/* --- Certificates --- */

int device_store_record_issued(DeviceStore *s, const Issued *i, uint64_t device_version, LogHead *ret_head) {
        Device d;

        int r = issued_store_has(s->certificates, i);
        if (r > 0)
                *ret_head = issued_store_head(s->certificates);
        if (r != 0)
                return MIN_OF(r, 0);
        r = device_store_get(s, i->ek_hash, &d);
        if (r < 0)
                return r == -ENOENT ? -ESTALE : r;
        if (d.version != device_version || d.disabled || device_expired(&d, i->issued))
                return -ESTALE;
        r = issued_store_add(s->certificates, i, ret_head);
        if (r < 0)
                return r;

        d.issued++;
        d.last_issued = d.last_seen = i->issued;
        s->meta.issued++;
        return put_device(s, 'd', &d) < 0 ? -EIO : 0;
}
