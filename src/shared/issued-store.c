/* SPDX-License-Identifier: MIT */
#include "shared/issued-store.h"

#include <gnutls/crypto.h>

#include "protocol/gnutls-types.h"
#include "shared/sealed-records.h"

#define COUNTS_VERSION 1U

typedef struct Counts {
        uint64_t places;         /* so many certificates are in the listing */
        LogHead head;
        uint64_t revocations;
        uint64_t first_live;     /* no revocation before it is of a certificate that is valid still */
        CrlState crl;
} Counts;

struct IssuedStore {
        RecordStore *records;
        Counts counts, committed;
};

typedef struct IssuedKey {
        uint8_t bytes[1 + AK_SERIAL_SIZE];
} IssuedKey;

static IssuedKey issued_key(const uint8_t serial[static AK_SERIAL_SIZE]) {
        IssuedKey k = { .bytes = { 'i' } };

        memcpy(k.bytes + 1, serial, AK_SERIAL_SIZE);
        return k;
}

/* --- Counts --- */

static SealedKey counts_key(void) {
        return sealed_key('c', VIEW_NULL);
}

static int load_counts(IssuedStore *s) {
        _cleanup_bytes_ Bytes record = BYTES_NULL;
        ByteView body;
        Counts c = {};

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
        if (!reader_done(&in) || version != COUNTS_VERSION)
                return -EUCLEAN;
        s->counts = s->committed = c;
        return 0;
}

int issued_store_prepare(IssuedStore *s) {
        uint8_t buffer[128];
        ByteWriter w = WRITER(buffer, sizeof(buffer));
        const Counts *c = &s->counts;

        write_u8(&w, COUNTS_VERSION);
        write_u64(&w, c->places);
        write_u64(&w, c->head.count);
        write_bytes(&w, c->head.hash, sizeof(c->head.hash));
        write_u64(&w, c->revocations);
        write_u64(&w, c->first_live);
        write_u64(&w, c->crl.number);
        write_u64(&w, c->crl.covers);
        write_u64(&w, (uint64_t) c->crl.next_update);
        return sealed_put(s->records, counts_key(), writer_view(&w));
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

/* --- The record of what was signed --- */

int issued_store_log_get(IssuedStore *s, uint64_t number, uint8_t ret[static LOG_ENTRY_SIZE]) {
        return sealed_get_exact(s->records, sealed_key_number('l', number), ret, LOG_ENTRY_SIZE);
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
        uint8_t bytes[LOG_ENTRY_SIZE], number[8];
        ByteWriter w = WRITER(number, sizeof(number));
        LogHead head = s->counts.head;
        LogEntry e = *entry;

        e.number = head.count + 1;
        memcpy(e.previous, head.hash, sizeof(e.previous));
        log_entry_encode(&e, bytes);
        int r = log_head_advance(&head, VIEW_ARRAY(bytes), &e);
        if (r >= 0)
                r = sealed_put(s->records, sealed_key_number('l', e.number), VIEW_ARRAY(bytes));
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
        LogEntry e = { .kind = LOG_AK_CERTIFICATE, .time = i->issued };

        memcpy(e.serial, i->serial, sizeof(e.serial));
        memcpy(e.ek_hash, i->ek_hash, sizeof(e.ek_hash));
        if (gnutls_hash_fast(GNUTLS_DIG_SHA256, i->certificate.data, i->certificate.size, e.signed_hash) < 0)
                return -ENOMEM;
        return issued_store_log(s, &e, ret_head);
}

/* --- Certificates --- */

static int get_serial(IssuedStore *s, char kind, uint64_t number, uint8_t ret[static AK_SERIAL_SIZE]) {
        return sealed_get_exact(s->records, sealed_key_number(kind, number), ret, AK_SERIAL_SIZE);
}

static int get_last(IssuedStore *s, const uint8_t *hash, uint64_t *ret) {
        uint8_t number[8];

        int r = sealed_get_exact(s->records, sealed_key('h', VIEW(hash, 32)), number, sizeof(number));
        if (r < 0)
                return r;
        ByteReader in = READER(VIEW_ARRAY(number));
        *ret = read_u64(&in);
        return 0;
}

/* Gives a certificate its places, and writes it. */
static int put_issued(IssuedStore *s, const Issued *issued) {
        uint8_t record[ISSUED_RECORD_MAX], number[8];
        ByteWriter w = WRITER(number, sizeof(number));
        IssuedKey k = issued_key(issued->serial);
        Issued i = *issued;

        i.previous = 0;
        int r = get_last(s, i.ek_hash, &i.previous);
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

int issued_store_walk(IssuedStore *s, const uint8_t *hash, uint64_t *place, Issued *ret, Bytes *record) {
        uint8_t serial[AK_SERIAL_SIZE];
        uint64_t at = *place;
        int r = 0;

        if (at == 0 && hash)
                r = get_last(s, hash, &at);
        else if (at == 0)
                at = s->committed.places;
        if (r < 0 || at == 0 || at > s->counts.places)
                return r < 0 ? r : -ENOENT;
        r = get_serial(s, 'p', at, serial);
        if (r >= 0)
                r = issued_store_get(s, serial, ret, record);
        if (r == -ENOENT && !hash) {
                *place = at - 1;
                return -EAGAIN;
        }
        if (r < 0)
                return r == -ENOENT ? -EUCLEAN : r;
        if (hash && memcmp(ret->ek_hash, hash, sizeof(ret->ek_hash)) != 0)
                return -ENOENT; /* a cursor of another list */
        *place = hash ? ret->previous : at - 1;
        return 0;
}

/* --- Revocations --- */

int issued_store_revocation(IssuedStore *s, const uint8_t serial[static AK_SERIAL_SIZE], Revocation *ret) {
        SealedKey k = sealed_key('x', VIEW(serial, AK_SERIAL_SIZE));
        _cleanup_bytes_ Bytes record = BYTES_NULL;

        int r = record_store_get(s->records, sealed_key_view(&k), &record);
        if (r < 0)
                return r;
        return revocation_record_decode(sealed_key_view(&k), bytes_view(&record), ret) < 0 ? -EUCLEAN : 0;
}

/* Whose list: by the authority key identifier. What does not say is put on the list of the issuer of now. */
static void find_issuer(ByteView certificate, uint8_t ret[static ISSUER_ID_SIZE]) {
        _cleanup_(gnutls_x509_crt_deinitp) gnutls_x509_crt_t crt = NULL;
        gnutls_datum_t d = datum_of(certificate);
        uint8_t id[64];
        size_t n = sizeof(id);

        memset(ret, 0, ISSUER_ID_SIZE);
        if (gnutls_x509_crt_init(&crt) >= 0 && gnutls_x509_crt_import(crt, &d, GNUTLS_X509_FMT_DER) >= 0 &&
            gnutls_x509_crt_get_authority_key_id(crt, id, &n, NULL) >= 0)
                memcpy(ret, id, MIN_OF(n, (size_t) ISSUER_ID_SIZE));
}

static int put_revocation(IssuedStore *s, const Revocation *v) {
        SealedKey k = sealed_key('x', VIEW_ARRAY(v->serial));
        uint8_t record[REVOCATION_RECORD_MAX];

        int n = revocation_record_encode(sealed_key_view(&k), v, record);
        if (n < 0)
                return n;
        int r = record_store_put(s->records, sealed_key_view(&k), VIEW(record, n));
        if (r >= 0)
                r = sealed_put(s->records, sealed_key_number('v', s->counts.revocations + 1), VIEW_ARRAY(v->serial));
        if (r < 0)
                return r;
        s->counts.revocations++;
        return 0;
}

static int revoke_issued(IssuedStore *s, const Issued *i, RevocationReason reason, int64_t now) {
        Revocation v = { .reason = reason, .revoked = now, .not_after = i->not_after }, there;

        if (i->not_after < now)
                return 0;
        int r = issued_store_revocation(s, i->serial, &there);
        if (r != -ENOENT)
                return r < 0 ? r : 0;
        memcpy(v.serial, i->serial, sizeof(v.serial));
        find_issuer(i->certificate, v.issuer);
        r = put_revocation(s, &v);
        return r < 0 ? -EIO : 1;
}

int issued_store_revoke(IssuedStore *s, const uint8_t serial[static AK_SERIAL_SIZE], RevocationReason reason,
                        int64_t now) {
        _cleanup_bytes_ Bytes record = BYTES_NULL;
        Issued i;

        int r = issued_store_get(s, serial, &i, &record);
        return r < 0 ? r : revoke_issued(s, &i, reason, now);
}

int issued_store_held(IssuedStore *s, const uint8_t hash[static 32], int64_t now, const RevocationReason *revoke,
                      IssuedHeld *ret) {
        _cleanup_bytes_ Bytes record = BYTES_NULL;
        IssuedHeld held = {};
        uint64_t place = 0;
        Issued i;

        do {
                int r = issued_store_walk(s, hash, &place, &i, &record);
                if (r == -ENOENT)
                        break;
                if (r < 0)
                        return r;
                held.last = MAX_OF(held.last, i.not_after);
                if (i.not_after < now)
                        continue;
                held.until = MAX_OF(held.until, i.not_after);
                r = revoke ? revoke_issued(s, &i, *revoke, now) : 0;
                if (r < 0)
                        return r;
                held.revoked += (unsigned) r;
        } while (place > 0 && i.issued + AK_LIFETIME_MAX >= now);
        *ret = held;
        return 0;
}

static int add_live(IssuedStore *s, uint64_t number, int64_t now, Revocation *list, size_t *n) {
        uint8_t serial[AK_SERIAL_SIZE];
        Revocation v;

        int r = get_serial(s, 'v', number, serial);
        if (r >= 0)
                r = issued_store_revocation(s, serial, &v);
        if (r < 0)
                return r == -ENOENT ? -EUCLEAN : r;
        if (v.not_after >= now)
                list[(*n)++] = v;
        return 0;
}

int issued_store_revoked(IssuedStore *s, int64_t now, Revocation **ret, size_t *ret_n) {
        uint64_t first = MAX_OF(s->committed.first_live, (uint64_t) 1), last = s->committed.revocations;
        _cleanup_free_ Revocation *list = calloc(last + 1, sizeof(*list));
        size_t n = 0;

        if (!list)
                return -ENOMEM;
        for (uint64_t number = first; number <= last; number++) {
                int r = add_live(s, number, now, list, &n);
                if (r < 0)
                        return r;
                if (n == 0)
                        s->counts.first_live = s->committed.first_live = number + 1; /* on disk with the next change */
        }
        *ret = TAKE_PTR(list);
        *ret_n = n;
        return 0;
}

int issued_store_crl_get(IssuedStore *s, Bytes *ret_pem) {
        _cleanup_bytes_ Bytes record = BYTES_NULL;
        ByteView body;

        int r = sealed_get(s->records, sealed_key('C', VIEW_NULL), &record, &body);
        return r < 0 ? r : bytes_copy(body, ret_pem);
}

int issued_store_crl_put(IssuedStore *s, const CrlState *state, ByteView pem) {
        if (state->number != s->counts.crl.number + 1)
                return -EEXIST;
        if (sealed_put_large(s->records, sealed_key('C', VIEW_NULL), pem) < 0)
                return -EIO;
        s->counts.crl = *state;
        return 0;
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
