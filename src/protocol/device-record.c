/* SPDX-License-Identifier: MIT */
#include "protocol/device-record.h"

#include <gnutls/crypto.h>

#include "protocol/utf8.h"

#define DEVICE_VERSION 2U         /* 1 had neither last_seen nor expires */
#define ISSUED_VERSION 1U
#define CHECKSUM_SIZE 8U

enum {
        FLAG_ANY_NAME = 1,
        FLAG_PINNED = 2,
        FLAG_DISABLED = 4,
        FLAG_DENIED = 8,
        FLAG_UNTRUSTED = 16,
        _FLAGS_ALL = 31,
};

static int checksum(ByteView key, ByteView body, uint8_t ret[static CHECKSUM_SIZE]) {
        gnutls_hash_hd_t hash;
        uint8_t digest[32];

        if (gnutls_hash_init(&hash, GNUTLS_DIG_SHA256) < 0)
                return -ENOMEM;
        (void) gnutls_hash(hash, key.data, key.size);
        (void) gnutls_hash(hash, body.data, body.size);
        gnutls_hash_deinit(hash, digest);
        memcpy(ret, digest, CHECKSUM_SIZE);
        return 0;
}

/* One that is padded has its checksum the other way round. Those of before are not. */
static void mark_padded(uint8_t sum[static CHECKSUM_SIZE]) {
        for (size_t i = 0; i < CHECKSUM_SIZE; i++)
                sum[i] ^= 0xff;
}

/* 1 to RECORD_UNIT bytes, the last of which says how many. */
static void pad(ByteView key, ByteWriter *w) {
        size_t n = RECORD_UNIT - (RECORD_OVERHEAD + key.size + w->size + CHECKSUM_SIZE) % RECORD_UNIT;

        write_zeros(w, n - 1);
        write_u8(w, (uint8_t) n);
}

int record_seal(ByteView key, ByteWriter *w) {
        uint8_t sum[CHECKSUM_SIZE];

        pad(key, w);
        if (w->failed)
                return -E2BIG;
        int r = checksum(key, writer_view(w), sum);
        if (r < 0)
                return r;
        mark_padded(sum);
        write_bytes(w, sum, sizeof(sum));
        return w->failed ? -E2BIG : 0;
}

int record_unseal(ByteView key, ByteView record, ByteView *ret) {
        uint8_t sum[CHECKSUM_SIZE];

        if (record.size < CHECKSUM_SIZE)
                return -EBADMSG;
        ByteView body = VIEW(record.data, record.size - CHECKSUM_SIZE);
        int r = checksum(key, body, sum);
        if (r < 0)
                return r;
        if (memcmp(sum, record.data + body.size, CHECKSUM_SIZE) != 0) {
                mark_padded(sum);
                size_t n = body.size > 0 ? body.data[body.size - 1] : 0;
                if (n == 0 || n > body.size || memcmp(sum, record.data + body.size, CHECKSUM_SIZE) != 0)
                        return -EBADMSG;
                body.size -= n;
        }
        *ret = body;
        return 0;
}

int device_check(const Device *d) {
        char folded[DEVICE_NAMES_MAX][DEVICE_NAME_MAX + 1];

        if (d->n_names > DEVICE_NAMES_MAX || (d->any_name && d->n_names > 0) || (d->denied && !d->disabled) ||
            (d->untrusted && !d->denied))
                return -EINVAL;
        for (unsigned i = 0; i < d->n_names; i++) {
                if (!device_name_valid(d->names[i]))
                        return -EINVAL;
                device_name_fold(d->names[i], folded[i]);
                for (unsigned k = 0; k < i; k++)
                        if (strcmp(folded[i], folded[k]) == 0)
                                return -EINVAL;
        }
        if (d->ak_lifetime < 0 || d->ak_lifetime > AK_LIFETIME_MAX || d->expires < 0 ||
            d->expires > DEVICE_END_OF_TIME)
                return -EINVAL;
        if (strnlen(d->note, sizeof(d->note)) > DEVICE_NOTE_MAX || !utf8_valid(VIEW_STR(d->note)))
                return -EINVAL;
        return 0;
}

static void write_text(ByteWriter *w, const char *s) {
        size_t n = strlen(s);
        write_u16(w, (uint16_t) n);
        write_bytes(w, s, n);
}

/* Fails the reader when the text is longer than max or has a NUL. */
static void read_text(ByteReader *r, char *ret, size_t max) {
        ByteView v = read_view(r, read_u16(r));
        if (v.size > max || (v.size > 0 && memchr(v.data, 0, v.size))) {
                r->failed = true;
                return;
        }
        if (v.size > 0)
                memcpy(ret, v.data, v.size);
        ret[v.size] = 0;
}

int device_record_encode(ByteView key, const Device *d, uint8_t ret[static DEVICE_RECORD_MAX]) {
        ByteWriter w = WRITER(ret, DEVICE_RECORD_MAX);

        write_u8(&w, DEVICE_VERSION);
        write_bytes(&w, d->ek_hash, sizeof(d->ek_hash));
        write_u8(&w, (uint8_t) ((d->any_name ? FLAG_ANY_NAME : 0) | (d->pinned ? FLAG_PINNED : 0) |
                                (d->disabled ? FLAG_DISABLED : 0) | (d->denied ? FLAG_DENIED : 0) |
                                (d->untrusted ? FLAG_UNTRUSTED : 0)));
        write_u64(&w, (uint64_t) d->ak_lifetime);
        write_u64(&w, (uint64_t) d->created);
        write_u64(&w, (uint64_t) d->last_issued);
        write_u64(&w, d->issued);
        write_u64(&w, d->version);
        write_u64(&w, d->sequence);
        write_bytes(&w, d->operation, sizeof(d->operation));
        write_u8(&w, (uint8_t) d->n_names);
        for (unsigned i = 0; i < d->n_names; i++)
                write_text(&w, d->names[i]);
        write_text(&w, d->note);
        write_u64(&w, (uint64_t) d->last_seen);
        write_u64(&w, (uint64_t) d->expires);

        int r = record_seal(key, &w);
        return r < 0 ? r : (int) w.size;
}

int device_record_decode(ByteView key, ByteView record, Device *ret) {
        ByteView body;
        Device d = {};

        int r = record_unseal(key, record, &body);
        if (r < 0)
                return r;

        ByteReader in = READER(body);
        uint8_t version = read_u8(&in);
        if (version == 0 || version > DEVICE_VERSION)
                return -EBADMSG;
        read_into(&in, d.ek_hash, sizeof(d.ek_hash));
        uint8_t flags = read_u8(&in);
        d.any_name = flags & FLAG_ANY_NAME;
        d.pinned = flags & FLAG_PINNED;
        d.disabled = flags & FLAG_DISABLED;
        d.denied = flags & FLAG_DENIED;
        d.untrusted = flags & FLAG_UNTRUSTED;
        d.ak_lifetime = (int64_t) read_u64(&in);
        d.created = (int64_t) read_u64(&in);
        d.last_issued = (int64_t) read_u64(&in);
        d.issued = read_u64(&in);
        d.version = read_u64(&in);
        d.sequence = read_u64(&in);
        read_into(&in, d.operation, sizeof(d.operation));
        d.n_names = read_u8(&in);
        if (d.n_names > DEVICE_NAMES_MAX || (flags & ~_FLAGS_ALL) != 0)
                return -EBADMSG;
        for (unsigned i = 0; i < d.n_names; i++)
                read_text(&in, d.names[i], DEVICE_NAME_MAX);
        read_text(&in, d.note, DEVICE_NOTE_MAX);
        d.last_seen = version >= 2 ? (int64_t) read_u64(&in) : d.last_issued;
        d.expires = version >= 2 ? (int64_t) read_u64(&in) : 0;
        if (!reader_done(&in) || device_check(&d) < 0)
                return -EBADMSG;

        *ret = d;
        return 0;
}
