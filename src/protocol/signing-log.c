/* SPDX-License-Identifier: MIT */
#include "protocol/signing-log.h"

#include <gnutls/crypto.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define ENTRY_VERSION_1 1U /* without the end of what was signed */
#define ENTRY_VERSION 2U
#define COUNT_DIGITS_MAX 19U

const char *log_kind_to_string(LogKind k) {
        static const char *const texts[_LOG_KIND_MAX] = {
                [LOG_AK_CERTIFICATE] = "ak-certificate",
                [LOG_CRL] = "crl",
                [LOG_INTERMEDIATE] = "intermediate",
                [LOG_ROOT] = "root",
        };

        return k < _LOG_KIND_MAX ? texts[k] : NULL;
}

void log_entry_encode(const LogEntry *e, LogBytes *ret) {
        ByteWriter w = WRITER(ret->bytes, sizeof(ret->bytes));

        write_u8(&w, ENTRY_VERSION);
        write_u64(&w, e->number);
        write_u8(&w, (uint8_t) e->kind);
        write_u64(&w, (uint64_t) e->time);
        write_bytes(&w, e->serial, sizeof(e->serial));
        write_bytes(&w, e->signed_hash, sizeof(e->signed_hash));
        write_bytes(&w, e->ek_hash, sizeof(e->ek_hash));
        write_bytes(&w, e->previous, sizeof(e->previous));
        write_u64(&w, (uint64_t) e->not_after);
        ret->size = w.size;
}

int log_entry_decode(ByteView entry, LogEntry *ret) {
        ByteReader in = READER(entry);
        LogEntry e = {};

        uint8_t version = read_u8(&in);
        if (version != ENTRY_VERSION && version != ENTRY_VERSION_1)
                return -EBADMSG;
        e.number = read_u64(&in);
        e.kind = (LogKind) read_u8(&in);
        e.time = (int64_t) read_u64(&in);
        read_into(&in, e.serial, sizeof(e.serial));
        read_into(&in, e.signed_hash, sizeof(e.signed_hash));
        read_into(&in, e.ek_hash, sizeof(e.ek_hash));
        read_into(&in, e.previous, sizeof(e.previous));
        if (version != ENTRY_VERSION_1)
                e.not_after = (int64_t) read_u64(&in);
        if (!reader_done(&in) || !log_kind_to_string(e.kind))
                return -EBADMSG;
        *ret = e;
        return 0;
}

int log_entry_hash(ByteView entry, uint8_t ret[static LOG_HASH_SIZE]) {
        uint8_t digest[LOG_HASH_SIZE];

        if (gnutls_hash_fast(GNUTLS_DIG_SHA256, entry.data, entry.size, digest) < 0)
                return -ENOMEM;
        memcpy(ret, digest, sizeof(digest));
        return 0;
}

bool log_entry_outlives(const LogEntry *e, int64_t dropped_until) {
        return e->kind == LOG_AK_CERTIFICATE && e->not_after > 0 && e->not_after < dropped_until;
}

int log_head_advance(LogHead *head, ByteView entry, LogEntry *ret) {
        uint8_t hash[LOG_HASH_SIZE];
        LogEntry e;

        int r = log_entry_decode(entry, &e);
        if (r < 0)
                return r;
        if (e.number != head->count + 1 || memcmp(e.previous, head->hash, sizeof(e.previous)) != 0)
                return -EUCLEAN;
        r = log_entry_hash(entry, hash);
        if (r < 0)
                return r;
        head->count = e.number;
        memcpy(head->hash, hash, sizeof(hash));
        *ret = e;
        return 0;
}

void log_head_format(const LogHead *h, char ret[static LOG_HEAD_TEXT_MAX]) {
        char hash[2 * LOG_HASH_SIZE + 1];

        hex_encode(VIEW_ARRAY(h->hash), hash);
        (void) snprintf(ret, LOG_HEAD_TEXT_MAX, "%" PRIu64 ":%s", h->count, hash);
}

int log_head_parse(const char *text, LogHead *ret) {
        _cleanup_bytes_ Bytes hash = BYTES_NULL;
        size_t n = strspn(text, "0123456789");
        LogHead h = {};

        if (n == 0 || n > COUNT_DIGITS_MAX || text[n] != ':' || strlen(text + n + 1) != 2 * (size_t) LOG_HASH_SIZE)
                return -EINVAL;
        int r = hex_decode(text + n + 1, 2 * (size_t) LOG_HASH_SIZE, &hash);
        if (r < 0)
                return r;
        h.count = strtoull(text, NULL, 10);
        memcpy(h.hash, hash.data, sizeof(h.hash));
        *ret = h;
        return 0;
}
