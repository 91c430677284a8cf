/* SPDX-License-Identifier: MIT */
#include "shared/issued-store.h"

/* Places are looked at in their order, the oldest first: when a certificate is dropped, what is older of its device
 * and still there stays for a reason, and its place leads on to that. */

static int put_number(IssuedStore *s, SealedKey k, uint64_t number) {
        uint8_t b[8];
        ByteWriter w = WRITER(b, sizeof(b));

        write_u64(&w, number);
        return sealed_put(s->records, k, writer_view(&w));
}

static int remove_sealed(IssuedStore *s, SealedKey k) {
        int r = record_store_delete(s->records, sealed_key_view(&k));
        return r == -ENOENT ? 0 : r;
}

/* The place of the newest certificate at this place or before, of the same device, that is there; 0: none is. */
static int older_kept(IssuedStore *s, uint64_t place, uint64_t *ret) {
        IssuedPlace p = { .go_on = place };
        int r = 0;

        while (r >= 0 && p.go_on > 0) {
                place = p.go_on;
                r = issued_place(s, place, &p);
        }
        if (r < 0 && r != -ENOENT)
                return r;
        *ret = r < 0 ? 0 : place;
        return 0;
}

static int in_inventory(IssuedStore *s, const uint8_t hash[static 32]) {
        uint8_t key[1 + 32] = { 'd' };

        memcpy(key + 1, hash, 32);
        return record_store_has(s->records, VIEW_ARRAY(key));
}

/* 0: it stays, as the last of a device that is there. */
static int drop(IssuedStore *s, const Issued *i) {
        SealedKey place = sealed_key_number('p', i->place), device = sealed_key('h', VIEW_ARRAY(i->ek_hash));
        IssuedKey k = issued_key(i->serial);
        uint64_t last = 0, older;

        int r = issued_last(s, i->ek_hash, &last);
        if (r >= 0 && last == i->place && (r = in_inventory(s, i->ek_hash)) != 0)
                return MIN_OF(r, 0);
        if (r >= 0 || r == -ENOENT)
                r = older_kept(s, i->previous, &older);
        if (r < 0)
                return r;
        if (last == i->place)
                r = older > 0 ? put_number(s, device, older) : remove_sealed(s, device);
        if (r >= 0)
                r = older > 0 && last != i->place ? put_number(s, place, older) : remove_sealed(s, place);
        if (r >= 0)
                r = record_store_delete(s->records, VIEW_ARRAY(k.bytes));
        if (r < 0)
                return r;
        s->counts.dropped++;
        return 1;
}

/* 1 it is gone, 0 it stays, -ESTALE: no certificate from here on is that old. What is damaged stays as it is, for
 * those who look for damage. */
static int look(IssuedStore *s, uint64_t place, int64_t ended_before) {
        _cleanup_bytes_ Bytes record = BYTES_NULL;
        IssuedPlace p;
        Issued i;

        int r = issued_place(s, place, &p);
        if (r == -ENOENT)
                return 1;
        if (r >= 0 && p.go_on > 0) {
                uint64_t older;
                r = older_kept(s, p.go_on, &older);
                if (r < 0 || older > 0)
                        return r;
                r = remove_sealed(s, sealed_key_number('p', place));
                return r < 0 ? r : 1;
        }
        if (r >= 0)
                r = issued_store_get(s, p.serial, &i, &record);
        if (r < 0)
                return r == -EUCLEAN || r == -ENOENT ? 0 : r;
        if (i.issued >= ended_before)
                return -ESTALE;
        return i.end_recorded && i.not_after < ended_before && i.place == place ? drop(s, &i) : 0;
}

int issued_store_drop(IssuedStore *s, int64_t ended_before, uint64_t *place) {
        uint64_t at = MAX_OF(MAX_OF(*place, s->counts.first), (uint64_t) 1), before = s->counts.dropped, dropped = 0;

        for (unsigned n = 0; n < ISSUED_DROP_LOOKS && dropped < ISSUED_DROPS && at <= s->counts.places; n++, at++) {
                int r = look(s, at, ended_before);
                if (r == -ESTALE)
                        at = s->counts.places;
                else if (r == -EUCLEAN)
                        continue;
                else if (r < 0)
                        return -EIO;
                else if (r > 0 && at == MAX_OF(s->counts.first, (uint64_t) 1))
                        s->counts.first = at + 1;
                dropped = s->counts.dropped - before;
        }
        if (dropped > 0)
                s->counts.dropped_until = MAX_OF(s->counts.dropped_until, ended_before);
        *place = at <= s->counts.places ? at : 0;
        return (int) dropped;
}
