/* SPDX-License-Identifier: MIT */
#pragma once

/* Records of a RecordStore under keys of our own kind ('z', a letter, a number or a hash), each with a checksum. */
#include "shared/record-store.h"

#define SEALED_KEY_MAX 34U   /* two letters and a SHA-256 */
#define SEALED_SMALL_MAX 512U /* bytes of a record that sealed_put() takes */

typedef struct SealedKey {
        uint8_t bytes[SEALED_KEY_MAX];
        size_t size;
} SealedKey;

static inline ByteView sealed_key_view(const SealedKey *k) {
        return VIEW(k->bytes, k->size);
}

SealedKey sealed_key(char kind, ByteView what);
SealedKey sealed_key_number(char kind, uint64_t number);

/* The same under keys of any other kind. */
int sealed_put_at(RecordStore *s, ByteView key, ByteView body);                        /* small ones; -E2BIG */
int sealed_get_at(RecordStore *s, ByteView key, Bytes *record, ByteView *ret);
int sealed_get_exact_at(RecordStore *s, ByteView key, void *ret, size_t size);

int sealed_put(RecordStore *s, SealedKey k, ByteView body);        /* small ones; -E2BIG */
int sealed_put_large(RecordStore *s, SealedKey k, ByteView body);
/* record owns what *ret points into. -ENOENT, -EUCLEAN damaged. */
int sealed_get(RecordStore *s, SealedKey k, Bytes *record, ByteView *ret);
/* For one of a size that is known: -EUCLEAN when it has another. */
int sealed_get_exact(RecordStore *s, SealedKey k, void *ret, size_t size);
