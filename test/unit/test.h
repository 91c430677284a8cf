/* SPDX-License-Identifier: MIT */
#pragma once

/* What every unit test includes. A failed check prints where and what, and ends the program. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/bytes.h"

#define check(expr)                                                                             \
        do {                                                                                    \
                if (!(expr)) {                                                                  \
                        fprintf(stderr, "%s:%d: check failed: %s\n", __FILE__, __LINE__, #expr); \
                        abort();                                                                \
                }                                                                               \
        } while (0)

#define check_int(a, b)                                                                         \
        do {                                                                                    \
                intmax_t _a = (intmax_t) (a), _b = (intmax_t) (b);                              \
                if (_a != _b) {                                                                 \
                        fprintf(stderr, "%s:%d: %s is %jd, expected %jd (%s)\n", __FILE__, __LINE__, #a, _a, _b, #b); \
                        abort();                                                                \
                }                                                                               \
        } while (0)

#define check_str(a, b)                                                                         \
        do {                                                                                    \
                const char *_a = (a), *_b = (b);                                                \
                if (!_a || strcmp(_a, _b) != 0) {                                               \
                        fprintf(stderr, "%s:%d: %s is \"%s\", expected \"%s\"\n", __FILE__, __LINE__, #a, _a ? _a : "(null)", _b); \
                        abort();                                                                \
                }                                                                               \
        } while (0)

/* Compares bytes with a text of hexadecimal digits; white space in the text is skipped. */
#define check_hex(view, text)                                                                   \
        do {                                                                                    \
                _cleanup_bytes_ Bytes _expected = test_unhex(text);                             \
                ByteView _v = (view);                                                           \
                if (!view_equal(_v, bytes_view(&_expected))) {                                  \
                        fprintf(stderr, "%s:%d: %s is ", __FILE__, __LINE__, #view);            \
                        for (size_t _i = 0; _i < _v.size; _i++)                                 \
                                fprintf(stderr, "%02x", _v.data[_i]);                           \
                        fprintf(stderr, "\n");                                                  \
                        abort();                                                                \
                }                                                                               \
        } while (0)

static inline Bytes test_unhex(const char *text) {
        Bytes b = BYTES_NULL;
        char *digits = malloc(strlen(text) + 1);
        size_t n = 0;

        check(digits);
        for (const char *p = text; *p; p++)
                if (!strchr(" \t\n", *p))
                        digits[n++] = *p;
        digits[n] = 0;
        check_int(hex_decode(digits, n, &b), 0);
        free(digits);
        return b;
}
