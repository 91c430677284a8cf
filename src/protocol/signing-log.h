/* SPDX-License-Identifier: MIT */
#pragma once

/* The record of everything that the CA signed: entries, each of which holds the hash of the one before it. Whoever
 * knows the hash of one (the head, as the journal has it) knows that nothing before it was changed, left out or put
 * in. */
#include "protocol/ak-certificate.h"

#define LOG_HASH_SIZE 32U
#define LOG_ENTRY_SIZE_1 (1U + 8U + 1U + 8U + AK_SERIAL_SIZE + 32U + 32U + LOG_HASH_SIZE) /* of version 1 */
#define LOG_ENTRY_SIZE (LOG_ENTRY_SIZE_1 + 8U)

typedef enum LogKind {
        LOG_AK_CERTIFICATE = 1,
        LOG_CRL = 2,
        LOG_INTERMEDIATE = 3,
        LOG_ROOT = 4,
        _LOG_KIND_MAX,
} LogKind;

const char *log_kind_to_string(LogKind k); /* "ak-certificate"; NULL for none of these */

typedef struct LogEntry {
        uint64_t number;                      /* from 1 on */
        LogKind kind;
        int64_t time;                         /* seconds since the epoch */
        uint8_t serial[AK_SERIAL_SIZE];       /* of the certificate; of a CRL its number, big-endian */
        uint8_t signed_hash[32];              /* SHA-256 of its DER */
        uint8_t ek_hash[32];                  /* AK certificates; else zeros */
        uint8_t previous[LOG_HASH_SIZE];      /* hash of the entry before; zeros in the first */
        int64_t not_after;                    /* when what was signed ends; 0: version 1, which does not say */
} LogEntry;

/* An entry as it is kept, and hashed. */
typedef struct LogBytes {
        uint8_t bytes[LOG_ENTRY_SIZE];
        size_t size;
} LogBytes;

static inline ByteView log_bytes_view(const LogBytes *b) {
        return VIEW(b->bytes, b->size);
}

/* How far the record goes: number and hash of its last entry; zeros for an empty one. */
typedef struct LogHead {
        uint64_t count;
        uint8_t hash[LOG_HASH_SIZE];
} LogHead;

void log_entry_encode(const LogEntry *e, LogBytes *ret);
int log_entry_decode(ByteView entry, LogEntry *ret); /* -EBADMSG */
int log_entry_hash(ByteView entry, uint8_t ret[static LOG_HASH_SIZE]); /* -ENOMEM */

/* Whether the certificate of an entry may be gone when those that ended before that moment were dropped. */
bool log_entry_outlives(const LogEntry *e, int64_t dropped_until);

/* Is entry, as it is kept, the next one after head? Then head moves on to it. -EBADMSG: it does not read as one,
 * -EUCLEAN: it belongs elsewhere. */
int log_head_advance(LogHead *head, ByteView entry, LogEntry *ret);

/* "COUNT:HASH", as people copy it from the journal. */
#define LOG_HEAD_TEXT_MAX (20U + 1U + 2U * LOG_HASH_SIZE + 1U)
void log_head_format(const LogHead *h, char ret[static LOG_HEAD_TEXT_MAX]);
int log_head_parse(const char *text, LogHead *ret); /* -EINVAL */
