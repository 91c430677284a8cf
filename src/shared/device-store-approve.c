/* SPDX-License-Identifier: MIT */
#include "shared/device-store.h"
#include "shared/waiting-store.h"

int device_store_wait(DeviceStore *s, const WaitingDevice *d) {
        WaitingDevice waiting = *d;
        Device there;

        int r = device_store_get(s, d->ek_hash, &there);
        if (r != -ENOENT)
                return r < 0 ? r : -ESTALE; /* somebody was faster */
        r = get_device(s, 'r', d->ek_hash, &there);
        if (r < 0 && r != -ENOENT)
                return r;
        waiting.removed = r >= 0;
        return waiting_add(s, &waiting);
}

/* One that was denied is in the inventory; only its whole hash says that it is meant. */
static int approve_denied(DeviceStore *s, const Device *d, const char *text, Device *ret) {
        Device there, new = *d;
        uint8_t hash[32];

        if (device_hash_parse(text, hash) < 0)
                return -ENOENT;
        int r = device_store_get(s, hash, &there);
        if (r < 0)
                return r;
        if (memcmp(there.operation, d->operation, OPERATION_SIZE) == 0) {
                *ret = there; /* a repetition */
                return 0;
        }
        if (!there.denied)
                return -EEXIST;
        if (there.untrusted && !d->pinned)
                return -EKEYREJECTED;
        memcpy(new.ek_hash, hash, sizeof(hash));
        r = device_store_names_free(s, &new);
        if (r < 0)
                return r;
        new.last_seen = there.last_seen;
        r = device_store_forget(s, &there);
        if (r >= 0)
                r = device_store_add(s, &new);
        return r < 0 ? -EIO : device_store_get(s, hash, ret);
}

int device_store_approve(DeviceStore *s, const char *text, const Device *d, Device *ret) {
        WaitingDevice waiting;
        Device new = *d;

        int r = waiting_find(s, text, d->created, &waiting);
        if (r == -ENOENT)
                return approve_denied(s, d, text, ret);
        if (r < 0)
                return r;
        if (waiting.evidence != EK_EVIDENCE_TRUSTED && !d->pinned)
                return -EKEYREJECTED;
        r = device_check(d);
        memcpy(new.ek_hash, waiting.ek_hash, sizeof(new.ek_hash));
        new.last_seen = waiting.last;
        if (r >= 0)
                r = device_store_names_free(s, &new);
        if (r < 0)
                return r;
        r = device_store_add(s, &new);
        return r < 0 ? -EIO : device_store_get(s, new.ek_hash, ret);
}

int device_store_deny(DeviceStore *s, const uint8_t operation[static OPERATION_SIZE], const char *text, int64_t now,
                      Device *ret) {
        WaitingDevice waiting;
        uint8_t hash[32];
        Device new = { .created = now, .disabled = true, .denied = true };

        int r = waiting_find(s, text, now, &waiting);
        if (r == -ENOENT && device_hash_parse(text, hash) >= 0 && device_store_get(s, hash, &new) >= 0 &&
            memcmp(new.operation, operation, OPERATION_SIZE) == 0) {
                *ret = new; /* a repetition */
                return 0;
        }
        if (r < 0)
                return r;
        memcpy(new.ek_hash, waiting.ek_hash, sizeof(new.ek_hash));
        memcpy(new.operation, operation, OPERATION_SIZE);
        new.untrusted = waiting.evidence != EK_EVIDENCE_TRUSTED;
        new.last_seen = waiting.last;
        r = device_store_add(s, &new);
        return r < 0 ? -EIO : device_store_get(s, new.ek_hash, ret);
}

int device_store_past(const DeviceStore *s, const char *text, int64_t now, DevicePast *ret) {
        DevicePast p = {};
        Device d;

        int r = waiting_find_hash(s, text, now, p.ek_hash);
        if (r == -ENOENT)
                r = device_hash_parse(text, p.ek_hash) < 0 ? -ENOENT : 0;
        if (r < 0)
                return r;
        r = get_device(s, 'r', p.ek_hash, &d);
        if (r < 0 && r != -ENOENT)
                return r;
        p.removed = r >= 0;
        p.denied = r >= 0 && d.denied;
        r = device_store_get(s, p.ek_hash, &d);
        if (r < 0 && r != -ENOENT)
                return r;
        p.denied |= r >= 0 && d.denied;
        *ret = p;
        return 0;
}
