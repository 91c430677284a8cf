/* SPDX-License-Identifier: MIT */
#include "shared/waiting-store.h"

#include "protocol/device-words.h"

static StoreKey slot_key(unsigned slot) {
        const uint8_t b[2] = { (uint8_t) (slot >> 8), (uint8_t) slot };
        return key_of('w', b, sizeof(b));
}

static int get_slot(DeviceStore *s, unsigned slot, WaitingDevice *ret) {
        StoreKey k = slot_key(slot);
        _cleanup_bytes_ Bytes record = BYTES_NULL;

        int r = record_store_get(s->records, key_view(&k), &record);
        if (r < 0)
                return r;
        return waiting_record_decode(key_view(&k), bytes_view(&record), ret) < 0 ? -EUCLEAN : 0;
}

static void remember(DeviceStore *s, unsigned slot, const WaitingDevice *d) {
        WaitingSlot *w = &s->waiting[slot];

        w->used = true;
        w->trusted = d->evidence == EK_EVIDENCE_TRUSTED;
        w->source = waiting_peer_source(d->peer);
        w->last = d->last;
        memcpy(w->hash, d->ek_hash, sizeof(w->hash));
}

static int put_slot(DeviceStore *s, unsigned slot, const WaitingDevice *d) {
        StoreKey k = slot_key(slot);
        uint8_t record[WAITING_RECORD_MAX];

        int n = waiting_record_encode(key_view(&k), d, record);
        int r = n < 0 ? n : record_store_put(s->records, key_view(&k), VIEW(record, n));
        if (r < 0)
                return -EIO;
        remember(s, slot, d);
        return 0;
}

int waiting_load(DeviceStore *s) {
        WaitingDevice d;

        memset(s->waiting, 0, sizeof(s->waiting));
        for (unsigned i = 0; i < WAITING_DEVICES_MAX; i++) {
                int r = get_slot(s, i, &d);
                if (r < 0 && r != -ENOENT)
                        return r;
                if (r >= 0)
                        remember(s, i, &d);
        }
        return 0;
}

static bool alive(const DeviceStore *s, unsigned slot, int64_t now) {
        const WaitingSlot *w = &s->waiting[slot];

        return w->used && now - w->last < s->limits.lifetime;
}

size_t waiting_count(const DeviceStore *s, int64_t now) {
        size_t n = 0;

        for (unsigned i = 0; i < WAITING_DEVICES_MAX; i++)
                n += alive(s, i, now);
        return n;
}

/* -ENOENT */
static int find_hash(const DeviceStore *s, const uint8_t hash[static 32]) {
        for (unsigned i = 0; i < WAITING_DEVICES_MAX; i++)
                if (s->waiting[i].used && memcmp(s->waiting[i].hash, hash, 32) == 0)
                        return (int) i;
        return -ENOENT;
}

static WaitingPlaces count_places(const DeviceStore *s, const NetAddress *source, int64_t now) {
        WaitingPlaces n = {};

        for (unsigned i = 0; i < WAITING_DEVICES_MAX; i++) {
                if (!alive(s, i, now))
                        continue;
                n.all++;
                if (s->waiting[i].trusted)
                        continue;
                n.untrusted++;
                n.of_source += waiting_same_source(&s->waiting[i].source, source);
        }
        return n;
}

static int find_room(const DeviceStore *s, const WaitingDevice *d) {
        const NetAddress source = waiting_peer_source(d->peer);
        const WaitingPlaces taken = count_places(s, &source, d->last);

        return waiting_room(s->limits.max, &taken, d->evidence);
}

/* The slots are more than may wait: with a limit that was lowered, all stay that wait. */
static int free_slot(const DeviceStore *s, int64_t now) {
        for (unsigned i = 0; i < WAITING_DEVICES_MAX; i++)
                if (!alive(s, i, now))
                        return (int) i;
        return -ENOSPC;
}

/* Evidence gets better or other, and is then what a person wants to see. */
static bool worth_writing(const WaitingDevice *there, const WaitingDevice *d) {
        return d->last - there->last >= WAITING_FRESH_SEC || d->last < there->last || d->evidence != there->evidence ||
               strcmp(d->issuer, there->issuer) != 0;
}

/* Or else whoever has two sources would fill the places of one, move them to the other, and fill them again. */
static bool may_move(const DeviceStore *s, unsigned slot, const WaitingDevice *d) {
        const NetAddress source = waiting_peer_source(d->peer);

        if (d->evidence == EK_EVIDENCE_TRUSTED || waiting_same_source(&s->waiting[slot].source, &source))
                return true;
        return count_places(s, &source, d->last).of_source < waiting_source_max(s->limits.max);
}

static int refresh(DeviceStore *s, unsigned slot, const WaitingDevice *d) {
        WaitingDevice there, new = *d;

        int r = get_slot(s, slot, &there);
        if (r < 0)
                return r;
        if (!worth_writing(&there, d))
                return 0;
        new.first = there.first;
        if (there.evidence == EK_EVIDENCE_TRUSTED && d->evidence == EK_EVIDENCE_NONE) { /* it came without its certificate: that does not unmake it */
                new.evidence = there.evidence;
                memcpy(new.issuer, there.issuer, sizeof(new.issuer));
        }
        if (!may_move(s, slot, d))
                memcpy(new.peer, there.peer, sizeof(new.peer));
        return put_slot(s, slot, &new);
}

int waiting_add(DeviceStore *s, const WaitingDevice *d) {
        int slot = find_hash(s, d->ek_hash);
        if (slot >= 0 && alive(s, (unsigned) slot, d->last))
                return refresh(s, (unsigned) slot, d);
        int r = find_room(s, d);
        if (r < 0)
                return r;
        if (slot < 0)
                slot = free_slot(s, d->last);
        if (slot < 0)
                return slot;
        r = put_slot(s, (unsigned) slot, d);
        return r < 0 ? r : 1;
}

static int drop_slot(DeviceStore *s, unsigned slot) {
        StoreKey k = slot_key(slot);

        if (record_store_delete(s->records, key_view(&k)) < 0)
                return -EIO;
        s->waiting[slot] = (WaitingSlot) {};
        return 1;
}

int waiting_forget(DeviceStore *s, const uint8_t hash[static 32]) {
        int slot = find_hash(s, hash);

        return slot < 0 ? 0 : drop_slot(s, (unsigned) slot);
}

int waiting_clear(DeviceStore *s, const WaitingFilter *f, int64_t now) {
        int n = 0;

        for (unsigned i = 0; i < WAITING_DEVICES_MAX; i++) {
                if (!alive(s, i, now) || !waiting_filter_has(f, s->waiting[i].trusted, &s->waiting[i].source))
                        continue;
                int r = drop_slot(s, i);
                if (r < 0)
                        return r;
                n++;
        }
        return n;
}

static int find_words(const DeviceStore *s, const char *text, int64_t now) {
        int found = -ENOENT;
        uint64_t bits;

        if (device_words_parse(text, &bits) < 0)
                return -ENOENT;
        for (unsigned i = 0; i < WAITING_DEVICES_MAX; i++)
                if (alive(s, i, now) && device_words_match(bits, s->waiting[i].hash)) {
                        if (found >= 0)
                                return -EMLINK;
                        found = (int) i;
                }
        return found;
}

static int find_slot(const DeviceStore *s, const char *text, int64_t now) {
        uint8_t hash[32];

        int slot = device_hash_parse(text, hash) >= 0 ? find_hash(s, hash) : find_words(s, text, now);
        return slot < 0 || alive(s, (unsigned) slot, now) ? slot : -ENOENT;
}

int waiting_find(DeviceStore *s, const char *text, int64_t now, WaitingDevice *ret) {
        int slot = find_slot(s, text, now);
        return slot < 0 ? slot : get_slot(s, (unsigned) slot, ret);
}

int waiting_find_hash(const DeviceStore *s, const char *text, int64_t now, uint8_t ret[static 32]) {
        int slot = find_slot(s, text, now);

        if (slot < 0)
                return slot;
        memcpy(ret, s->waiting[slot].hash, sizeof(s->waiting[slot].hash));
        return 0;
}

int waiting_walk(DeviceStore *s, unsigned *next, int64_t now, WaitingDevice *ret) {
        for (unsigned i = *next; i < WAITING_DEVICES_MAX; i++)
                if (alive(s, i, now)) {
                        *next = i + 1;
                        return get_slot(s, i, ret);
                }
        return -ENOENT;
}
