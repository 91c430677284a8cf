/* SPDX-License-Identifier: MIT */
#include "shared/bytes.h"

void bytes_done(Bytes *b) {
        free(b->data);
        *b = BYTES_NULL;
}

void bytes_erase(Bytes *b) {
        if (b->data)
                explicit_bzero(b->data, b->size);
        bytes_done(b);
}

int bytes_copy(ByteView v, Bytes *ret) {
        uint8_t *p = malloc(v.size + 1);
        if (!p)
                return -ENOMEM;
        if (v.size > 0)
                memcpy(p, v.data, v.size);
        p[v.size] = 0;
        *ret = (Bytes) { .data = p, .size = v.size };
        return 0;
}

bool view_equal(ByteView a, ByteView b) {
        return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

bool view_equal_secret(ByteView a, ByteView b) {
        volatile uint8_t difference = 0;

        if (a.size != b.size)
                return false;
        for (size_t i = 0; i < a.size; i++)
                difference |= a.data[i] ^ b.data[i];
        return difference == 0;
}

ByteView read_view(ByteReader *r, size_t n) {
        if (r->failed || n > r->left) {
                r->failed = true;
                return VIEW_NULL;
        }

        ByteView v = VIEW(r->at, n);
        if (n > 0)
                r->at += n;
        r->left -= n;
        return v;
}

static uint64_t read_number(ByteReader *r, size_t n) {
        ByteView v = read_view(r, n);
        uint64_t x = 0;

        for (size_t i = 0; i < v.size; i++)
                x = x << 8 | v.data[i];
        return x;
}

uint8_t read_u8(ByteReader *r) {
        return (uint8_t) read_number(r, 1);
}

uint16_t read_u16(ByteReader *r) {
        return (uint16_t) read_number(r, 2);
}

uint32_t read_u32(ByteReader *r) {
        return (uint32_t) read_number(r, 4);
}

uint64_t read_u64(ByteReader *r) {
        return read_number(r, 8);
}

void read_into(ByteReader *r, void *to, size_t n) {
        ByteView v = read_view(r, n);
        if (v.size > 0)
                memcpy(to, v.data, v.size);
}

void write_bytes(ByteWriter *w, const void *p, size_t n) {
        if (w->failed || n > w->capacity - w->size) {
                w->failed = true;
                return;
        }
        if (n > 0)
                memcpy(w->data + w->size, p, n);
        w->size += n;
}

void write_view(ByteWriter *w, ByteView v) {
        write_bytes(w, v.data, v.size);
}

void write_zeros(ByteWriter *w, size_t n) {
        if (w->failed || n > w->capacity - w->size) {
                w->failed = true;
                return;
        }
        if (n > 0)
                memset(w->data + w->size, 0, n);
        w->size += n;
}

static void write_number(ByteWriter *w, uint64_t v, size_t n) {
        uint8_t b[8];

        for (size_t i = 0; i < n; i++)
                b[i] = (uint8_t) (v >> (8 * (n - 1 - i)));
        write_bytes(w, b, n);
}

void write_u8(ByteWriter *w, uint8_t v) {
        write_number(w, v, 1);
}

void write_u16(ByteWriter *w, uint16_t v) {
        write_number(w, v, 2);
}

void write_u32(ByteWriter *w, uint32_t v) {
        write_number(w, v, 4);
}

void write_u64(ByteWriter *w, uint64_t v) {
        write_number(w, v, 8);
}

void hex_encode(ByteView v, char *ret) {
        static const char digits[] = "0123456789abcdef";

        for (size_t i = 0; i < v.size; i++) {
                ret[2 * i] = digits[v.data[i] >> 4];
                ret[2 * i + 1] = digits[v.data[i] & 15];
        }
        ret[2 * v.size] = 0;
}

static int unhex(char c) {
        if (c >= '0' && c <= '9')
                return c - '0';
        if (c >= 'a' && c <= 'f')
                return c - 'a' + 10;
        if (c >= 'A' && c <= 'F')
                return c - 'A' + 10;
        return -1;
}

int hex_decode(const char *text, size_t n, Bytes *ret) {
        _cleanup_bytes_ Bytes b = BYTES_NULL;

        if (n % 2 != 0)
                return -EINVAL;
        b.data = malloc(n / 2 + 1);
        if (!b.data)
                return -ENOMEM;
        for (size_t i = 0; i < n; i += 2) {
                int hi = unhex(text[i]), lo = unhex(text[i + 1]);
                if (hi < 0 || lo < 0)
                        return -EINVAL;
                b.data[b.size++] = (uint8_t) (hi << 4 | lo);
        }
        b.data[b.size] = 0;
        *ret = TAKE_BYTES(b);
        return 0;
}

static const char base64_alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char base64url_alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static int encode64(ByteView v, const char *alphabet, bool pad, char **ret) {
        if (v.size > SIZE_MAX / 4 * 3 - 4)
                return -EOVERFLOW;

        char *out = malloc((v.size + 2) / 3 * 4 + 1), *p = out;
        if (!out)
                return -ENOMEM;

        for (size_t i = 0; i < v.size; i += 3) {
                size_t left = MIN_OF(v.size - i, (size_t) 3);
                uint32_t x = (uint32_t) v.data[i] << 16;
                if (left > 1)
                        x |= (uint32_t) v.data[i + 1] << 8;
                if (left > 2)
                        x |= v.data[i + 2];
                for (size_t k = 0; k < 4; k++)
                        if (k <= left)
                                *p++ = alphabet[x >> (18 - 6 * k) & 63];
                        else if (pad)
                                *p++ = '=';
        }
        *p = 0;
        *ret = out;
        return 0;
}

int base64_encode(ByteView v, char **ret) {
        return encode64(v, base64_alphabet, true, ret);
}

int base64url_encode(ByteView v, char **ret) {
        return encode64(v, base64url_alphabet, false, ret);
}

static int value64(char c, const char *last_two) {
        if (c >= 'A' && c <= 'Z')
                return c - 'A';
        if (c >= 'a' && c <= 'z')
                return c - 'a' + 26;
        if (c >= '0' && c <= '9')
                return c - '0' + 52;
        if (c == last_two[0])
                return 62;
        if (c == last_two[1])
                return 63;
        return -1;
}

/* text without its padding */
static int decode64(const char *text, size_t n, const char *last_two, size_t max, Bytes *ret) {
        _cleanup_bytes_ Bytes b = BYTES_NULL;
        uint32_t x = 0;
        unsigned bits = 0;

        if (n % 4 == 1)
                return -EINVAL;
        if (n / 4 * 3 + n % 4 * 3 / 4 > max)
                return -E2BIG;
        b.data = malloc(n / 4 * 3 + 4);
        if (!b.data)
                return -ENOMEM;

        for (size_t i = 0; i < n; i++) {
                int v = value64(text[i], last_two);
                if (v < 0)
                        return -EINVAL;
                x = (x << 6 | (uint32_t) v) & 0xffffff;
                bits += 6;
                if (bits >= 8) {
                        bits -= 8;
                        b.data[b.size++] = (uint8_t) (x >> bits);
                }
        }
        if ((x & ((1U << bits) - 1)) != 0)
                return -EINVAL;

        b.data[b.size] = 0;
        *ret = TAKE_BYTES(b);
        return 0;
}

int base64_decode(const char *text, size_t n, size_t max, Bytes *ret) {
        size_t padding = 0;

        if (n % 4 != 0)
                return -EINVAL;
        while (padding < 2 && n > padding && text[n - 1 - padding] == '=')
                padding++;
        return decode64(text, n - padding, "+/", max, ret);
}

int base64url_decode(const char *text, size_t n, size_t max, Bytes *ret) {
        return decode64(text, n, "-_", max, ret);
}
