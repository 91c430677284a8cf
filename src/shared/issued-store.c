/* SPDX-License-Identifier: MIT */
#include "shared/issued-store.h"

#include <gnutls/crypto.h>

#define COUNTS_VERSION_1 1U /* nothing was dropped */
#define COUNTS_VERSION 2U

/* --- Counts --- */

static SealedKey counts_key(void) {
        return sealed_key('c', VIEW_NULL);
}

static int load_counts(IssuedStore *s) {
        _cleanup_bytes_ Bytes record = BYTES_NULL;
        ByteView body;
        IssuedCounts c = {};

        int r = sealed_get(s->records, counts_key(), &record, &body);
        if (r < 0)
                return r;
        ByteReader in = READER(body);
        uint8_t version = read_u8(&in);
        c.places = read_u64(&in);
        c.head.count = read_u64(&in);
        read_into(&in, c.head.hash, sizeof(c.head.hash));
        c.revocations = read_u64(&in);
        c.first_live = read_u64(&in);
        c.crl.number = read_u64(&in);
        c.crl.covers = read_u64(&in);
        c.crl.next_update = (int64_t) read_u64(&in);
        if (version != COUNTS_VERSION_1) {
                c.dropped = read_u64(&in);
                c.dropped_until = (int64_t) read_u64(&in);
                c.first = read_u64(&in);
        }
        if (!reader_done(&in) || version < COUNTS_VERSION_1 || version > COUNTS_VERSION)
                return -EUCLEAN;
        s->counts = s->committed = c;
        return 0;
}

int issued_store_prepare(IssuedStore *s) {
        uint8_t buffer[160];
        ByteWriter w = WRITER(buffer, sizeof(buffer));
        const IssuedCounts *c = &s->counts;

        write_u8(&w, COUNTS_VERSION);
        write_u64(&w, c->places);
        write_u64(&w, c->head.count);
        write_bytes(&w, c->head.hash, sizeof(c->head.hash));
        write_u64(&w, c->revocations);
        write_u64(&w, c->first_live);
        write_u64(&w, c->crl.number);
        write_u64(&w, c->crl.covers);
        write_u64(&w, (uint64_t) c->crl.next_update);
        write_u64(&w, c->dropped);
        write_u64(&w, (uint64_t) c->dropped_until);
        write_u64(&w, c->first);
        return sealed_put(s->records, counts_key(), writer_view(&w));
}

bool issued_store_changed(const IssuedStore *s) {
        return memcmp(&s->counts, &s->committed, sizeof(s->counts)) != 0;
}

void issued_store_finish(IssuedStore *s, bool committed) {
        if (committed)
                s->committed = s->counts;
        else
                s->counts = s->committed;
}

LogHead issued_store_head(const IssuedStore *s) {
        return s->committed.head;
}

CrlState issued_store_crl(const IssuedStore *s) {
        return s->committed.crl;
}

uint64_t issued_store_revocations(const IssuedStore *s) {
        return s->committed.revocations;
}

IssuedKept issued_store_kept(const IssuedStore *s) {
        return (IssuedKept) { .held = s->committed.places - s->committed.dropped,
                              .dropped_until = s->committed.dropped_until };
}

/* --- The record of what was signed --- */

int issued_store_log_get(IssuedStore *s, uint64_t number, LogBytes *ret) {
        _cleanup_bytes_ Bytes record = BYTES_NULL;
        ByteView body;

        int r = sealed_get(s->records, sealed_key_number('l', number), &record, &body);
        if (r < 0)
                return r;
        if (body.size > sizeof(ret->bytes))
                return -EUCLEAN;
        memcpy(ret->bytes, body.data, body.size);
        ret->size = body.size;
        return 0;
}

int issued_store_log_find(IssuedStore *s, const uint8_t signed_hash[static 32], uint64_t *ret_number) {
        uint8_t number[8];

        int r = sealed_get_exact(s->records, sealed_key('g', VIEW(signed_hash, 32)), number, sizeof(number));
        if (r < 0)
                return r;
        ByteReader in = READER(VIEW_ARRAY(number));
        *ret_number = read_u64(&in);
        return 0;
}

int issued_store_log(IssuedStore *s, const LogEntry *entry, LogHead *ret_head) {
        LogBytes bytes;
        uint8_t number[8];
        ByteWriter w = WRITER(number, sizeof(number));
        LogHead head = s->counts.head;
        LogEntry e = *entry;

        e.number = head.count + 1;
        memcpy(e.previous, head.hash, sizeof(e.previous));
        log_entry_encode(&e, &bytes);
        int r = log_head_advance(&head, log_bytes_view(&bytes), &e);
        if (r >= 0)
                r = sealed_put(s->records, sealed_key_number('l', e.number), log_bytes_view(&bytes));
        write_u64(&w, e.number);
        if (r >= 0 && e.kind != LOG_AK_CERTIFICATE)
                r = sealed_put(s->records, sealed_key('g', VIEW_ARRAY(e.signed_hash)), writer_view(&w));
        if (r < 0)
                return -EIO;
        s->counts.head = head;
        *ret_head = head;
        return 0;
}

static int log_issued(IssuedStore *s, const Issued *i, LogHead *ret_head) {
        LogEntry e = { .kind = LOG_AK_CERTIFICATE, .time = i->issued, .not_after = i->not_after };

        memcpy(e.serial, i->serial, sizeof(e.serial));
        memcpy(e.ek_hash, i->ek_hash, sizeof(e.ek_hash));
        if (gnutls_hash_fast(GNUTLS_DIG_SHA256, i->certificate.data, i->certificate.size, e.signed_hash) < 0)
                return -ENOMEM;
        return issued_store_log(s, &e, ret_head);
}

/* --- Certificates --- */

/* Gives a certificate its places, and writes it. */
static int put_issued(IssuedStore *s, const Issued *issued) {
        uint8_t record[ISSUED_RECORD_MAX], number[8];
        ByteWriter w = WRITER(number, sizeof(number));
        IssuedKey k = issued_key(issued->serial);
        Issued i = *issued;

        i.previous = 0;
        int r = issued_last(s, i.ek_hash, &i.previous);
        if (r < 0 && r != -ENOENT)
                return r;
        i.place = s->counts.places + 1;
        int n = issued_record_encode(VIEW_ARRAY(k.bytes), &i, record);
        if (n < 0)
                return n;
        write_u64(&w, i.place);
        r = record_store_put(s->records, VIEW_ARRAY(k.bytes), VIEW(record, n));
        if (r >= 0)
                r = sealed_put(s->records, sealed_key_number('p', i.place), VIEW_ARRAY(i.serial));
        if (r >= 0)
                r = sealed_put(s->records, sealed_key('h', VIEW_ARRAY(i.ek_hash)), writer_view(&w));
        if (r < 0)
                return r;
        s->counts.places = i.place;
        return 0;
}

int issued_store_get(IssuedStore *s, const uint8_t serial[static AK_SERIAL_SIZE], Issued *ret, Bytes *record) {
        _cleanup_bytes_ Bytes b = BYTES_NULL;
        IssuedKey k = issued_key(serial);

        int r = record_store_get(s->records, VIEW_ARRAY(k.bytes), &b);
        if (r < 0)
                return r;
        if (issued_record_decode(VIEW_ARRAY(k.bytes), bytes_view(&b), ret) < 0)
                return -EUCLEAN;
        bytes_done(record);
        *record = TAKE_BYTES(b);
        return 0;
}

static bool same_issued(const Issued *a, const Issued *b) {
        return memcmp(a->ek_hash, b->ek_hash, sizeof(a->ek_hash)) == 0 && a->issued == b->issued &&
               a->not_after == b->not_after && view_equal(a->certificate, b->certificate);
}

int issued_store_has(IssuedStore *s, const Issued *i) {
        _cleanup_bytes_ Bytes record = BYTES_NULL;
        Issued there;

        int r = issued_store_get(s, i->serial, &there, &record);
        if (r < 0)
                return r == -ENOENT ? 0 : r;
        return same_issued(&there, i) ? 1 : -EEXIST;
}

int issued_store_add(IssuedStore *s, const Issued *i, LogHead *ret_head) {
        int r = put_issued(s, i);
        if (r >= 0)
                r = log_issued(s, i, ret_head);
        return r < 0 ? -EIO : 0;
}

/* Of one device: over the places of what was dropped to what is there. -ENOENT: nothing is, but it was dropped. */
static int find_kept(IssuedStore *s, uint64_t *at, IssuedPlace *ret) {
        IssuedPlace p;

        do {
                int r = issued_place(s, *at, &p);
                if (r < 0)
                        return r == -ENOENT && s->counts.dropped == 0 ? -EUCLEAN : r;
                if (p.go_on > 0)
                        *at = p.go_on;
        } while (p.go_on > 0);
        *ret = p;
        return 0;
}

static int walk_device(IssuedStore *s, const uint8_t *hash, uint64_t *place, Issued *ret, Bytes *record) {
        uint64_t at = *place;
        IssuedPlace p;
        int r = 0;

        if (at == 0)
                r = issued_last(s, hash, &at);
        if (r >= 0 && at > s->counts.places)
                r = -ENOENT;
        if (r >= 0)
                r = find_kept(s, &at, &p);
        if (r < 0)
                return r;
        r = issued_store_get(s, p.serial, ret, record);
        if (r < 0)
                return r == -ENOENT ? -EUCLEAN : r;
        if (memcmp(ret->ek_hash, hash, sizeof(ret->ek_hash)) != 0)
                return -ENOENT; /* a cursor of another list */
        *place = ret->previous;
        return 0;
}

int issued_store_walk(IssuedStore *s, const uint8_t *hash, uint64_t *place, Issued *ret, Bytes *record) {
        uint64_t at = *place > 0 ? *place : s->committed.places;
        IssuedPlace p;

        if (hash)
                return walk_device(s, hash, place, ret, record);
        if (at == 0 || at > s->counts.places || at < s->counts.first)
                return -ENOENT;
        int r = issued_place(s, at, &p);
        if (r >= 0)
                r = p.go_on > 0 ? -ENOENT : issued_store_get(s, p.serial, ret, record);
        if (r >= 0 || r == -ENOENT)
                *place = at - 1;
        return r == -ENOENT ? -EAGAIN : r;
}

/* --- Beginning --- */

typedef struct Old {
        int64_t issued;
        uint8_t serial[AK_SERIAL_SIZE];
} Old;

typedef struct OldList {
        Old *list;
        size_t n, room;
} OldList;

static int collect(ByteView key, ByteView value, void *userdata) {
        OldList *l = userdata;
        Issued i;

        if (key.size != 1 + (size_t) AK_SERIAL_SIZE || key.data[0] != 'i')
                return 0;
        if (issued_record_decode(key, value, &i) < 0)
                return -EUCLEAN;
        if (l->n == l->room) {
                size_t room = MAX_OF(2 * l->room, (size_t) 64);
                Old *list = reallocarray(l->list, room, sizeof(*list));
                if (!list)
                        return -ENOMEM;
                l->list = list;
                l->room = room;
        }
        l->list[l->n].issued = i.issued;
        memcpy(l->list[l->n++].serial, i.serial, AK_SERIAL_SIZE);
        return 0;
}

static int compare_old(const void *a, const void *b) {
        const Old *x = a, *y = b;

        if (x->issued != y->issued)
                return x->issued < y->issued ? -1 : 1;
        return memcmp(x->serial, y->serial, AK_SERIAL_SIZE);
}

static int adopt(IssuedStore *s, const Old *old) {
        _cleanup_bytes_ Bytes record = BYTES_NULL;
        LogHead head;
        Issued i;

        int r = issued_store_get(s, old->serial, &i, &record);
        if (r >= 0)
                r = put_issued(s, &i);
        return r < 0 ? r : log_issued(s, &i, &head);
}

static int adopt_all(IssuedStore *s, const OldList *l) {
        int r = record_store_begin(s->records);
        for (size_t i = 0; r >= 0 && i < l->n; i++)
                r = adopt(s, l->list + i);
        if (r >= 0)
                r = issued_store_prepare(s);
        if (r >= 0)
                r = record_store_commit(s->records);
        else
                record_store_cancel(s->records);
        issued_store_finish(s, r >= 0);
        return r;
}

static int begin_counts(IssuedStore *s) {
        OldList l = {};

        int r = record_store_walk(s->records, collect, &l);
        if (r >= 0 && l.n > 0) {
                qsort(l.list, l.n, sizeof(*l.list), compare_old);
                r = adopt_all(s, &l);
        }
        free(l.list);
        return r;
}

int issued_store_open(RecordStore *records, IssuedStore **ret) {
        _cleanup_(issued_store_freep) IssuedStore *s = calloc(1, sizeof(*s));

        if (!s)
                return -ENOMEM;
        s->records = records;
        int r = load_counts(s);
        if (r == -ENOENT)
                r = begin_counts(s);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(s);
        return 0;
}

IssuedStore *issued_store_free(IssuedStore *s) {
        free(s);
        return NULL;
}
