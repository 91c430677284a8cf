/* SPDX-License-Identifier: MIT */
#include "protocol/shell-quote.h"

/* Not the tilde, brackets and so on: some shells expand them. */
static bool is_plain(const char *text) {
        static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789:/._%@+,-";

        return *text && text[strspn(text, plain)] == 0;
}

typedef struct Line {
        char *text;
        size_t n, size; /* n < size, so that there is room for a NUL */
} Line;

static int put(Line *l, const char *s, size_t n) {
        if (n >= l->size - l->n)
                return -ENOBUFS;
        memcpy(l->text + l->n, s, n);
        l->n += n;
        return 0;
}

/* Between single quotes only a single quote means something. */
static int put_quoted(Line *l, const char *s) {
        int r = put(l, "'", 1);

        for (; r >= 0 && *s; s++)
                r = *s == '\'' ? put(l, "'\\''", 4) : put(l, s, 1);
        return r < 0 ? r : put(l, "'", 1);
}

static int put_word(Line *l, const char *s) {
        return is_plain(s) ? put(l, s, strlen(s)) : put_quoted(l, s);
}

int shell_quote(const char *text, char *ret, size_t size) {
        Line l = { .text = ret, .size = size };

        int r = size == 0 ? -ENOBUFS : put_word(&l, text);
        if (size > 0)
                ret[r < 0 ? 0 : l.n] = 0;
        return r;
}

static int put_format(Line *l, const char *format, va_list ap) {
        int r = 0;

        for (const char *p = format; r >= 0 && *p; p++)
                if (*p != '%')
                        r = put(l, p, 1);
                else if (*++p == 's')
                        r = put_word(l, va_arg(ap, const char *));
                else
                        r = *p == '%' ? put(l, p, 1) : -EINVAL;
        return r;
}

int shell_format(char *ret, size_t size, const char *format, va_list ap) {
        Line l = { .text = ret, .size = size };

        int r = size == 0 ? -ENOBUFS : put_format(&l, format, ap);
        if (size > 0)
                ret[r < 0 ? 0 : l.n] = 0;
        return r;
}
