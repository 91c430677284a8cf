/* SPDX-License-Identifier: MIT */
#pragma once

/* Byte strings, bounded readers and writers, hex and base64. Pure: the protocol floor uses it.
 * All functions that can fail return 0 or a negative errno and leave their outputs untouched on failure. */
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "shared/cleanup.h"

/* Bytes owned by the holder. */
typedef struct Bytes {
        uint8_t *data;
        size_t size;
} Bytes;

/* Bytes that somebody else owns. */
typedef struct ByteView {
        const uint8_t *data;
        size_t size;
} ByteView;

#define BYTES_NULL ((Bytes) {})
#define VIEW_NULL ((ByteView) {})
#define VIEW(d, n) ((ByteView) { .data = (const uint8_t *) (d), .size = (n) })
#define VIEW_ARRAY(a) VIEW((a), sizeof(a))
/* A string without its NUL. */
#define VIEW_STR(s) VIEW((s), strlen(s))

static inline ByteView bytes_view(const Bytes *b) {
        return VIEW(b->data, b->size);
}

void bytes_done(Bytes *b);  /* frees, makes it BYTES_NULL */
void bytes_erase(Bytes *b); /* wipes, then frees: for secrets */
#define _cleanup_bytes_ _cleanup_(bytes_done)
#define _cleanup_bytes_erase_ _cleanup_(bytes_erase)
#define TAKE_BYTES(b) TAKE_GENERIC(b, BYTES_NULL)

int bytes_copy(ByteView v, Bytes *ret);         /* the copy has a NUL after its last byte, not counted */
bool view_equal(ByteView a, ByteView b);
bool view_equal_secret(ByteView a, ByteView b); /* time depends on the sizes only */

/* A reader never goes past its end. After the first failure every read fails; ask once, at the end:
 * reader_done() is true when nothing failed and nothing is left over. Numbers are big-endian. */
typedef struct ByteReader {
        const uint8_t *at;
        size_t left;
        bool failed;
} ByteReader;

static inline ByteReader READER(ByteView v) {
        return (ByteReader) { .at = v.data, .left = v.size };
}
uint8_t read_u8(ByteReader *r);
uint16_t read_u16(ByteReader *r);
uint32_t read_u32(ByteReader *r);
uint64_t read_u64(ByteReader *r);
ByteView read_view(ByteReader *r, size_t n);
void read_into(ByteReader *r, void *to, size_t n);
static inline bool reader_done(const ByteReader *r) {
        return !r->failed && r->left == 0;
}

/* A writer into a buffer of fixed capacity. A write that does not fit fails the writer, sticky. */
typedef struct ByteWriter {
        uint8_t *data;
        size_t size, capacity;
        bool failed;
} ByteWriter;

#define WRITER(buf, cap) ((ByteWriter) { .data = (uint8_t *) (buf), .capacity = (cap) })
void write_u8(ByteWriter *w, uint8_t v);
void write_u16(ByteWriter *w, uint16_t v);
void write_u32(ByteWriter *w, uint32_t v);
void write_u64(ByteWriter *w, uint64_t v);
void write_bytes(ByteWriter *w, const void *p, size_t n);
void write_view(ByteWriter *w, ByteView v);
void write_zeros(ByteWriter *w, size_t n);
static inline ByteView writer_view(const ByteWriter *w) {
        return VIEW(w->data, w->size);
}

/* Hexadecimal: lower case out, either case in. ret of hex_encode has room for 2 * n + 1. */
void hex_encode(ByteView v, char *ret);
int hex_decode(const char *text, size_t n, Bytes *ret); /* -EINVAL */

/* Base64 of RFC 4648. Decoding is strict: right alphabet, right padding (standard: demanded, url: forbidden),
 * unused bits zero, no white space; -EINVAL otherwise, -E2BIG beyond max bytes of output. */
int base64_encode(ByteView v, char **ret);
int base64url_encode(ByteView v, char **ret);
int base64_decode(const char *text, size_t n, size_t max, Bytes *ret);
int base64url_decode(const char *text, size_t n, size_t max, Bytes *ret);
