/* SPDX-License-Identifier: MIT */
#include "protocol/json-scan.h"

#include "protocol/utf8.h"

typedef struct Scan {
        const uint8_t *at, *end;
        unsigned depth;                   /* arrays and objects that may still open */
        size_t n_names;
        uint64_t names[JSON_MEMBERS_MAX]; /* of all open objects, the innermost last */
} Scan;

static int scan_value(Scan *s);

static bool take(Scan *s, char c) {
        if (s->at == s->end || *s->at != (uint8_t) c)
                return false;
        s->at++;
        return true;
}

static void skip_space(Scan *s) {
        while (s->at < s->end && (*s->at == ' ' || *s->at == '\t' || *s->at == '\n' || *s->at == '\r'))
                s->at++;
}

static int scan_hex4(Scan *s, uint32_t *ret) {
        uint32_t x = 0;

        if (s->end - s->at < 4)
                return -EBADMSG;
        for (unsigned i = 0; i < 4; i++) {
                uint8_t c = *s->at++;
                if (c >= '0' && c <= '9')
                        x = x << 4 | (uint32_t) (c - '0');
                else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
                        x = x << 4 | (uint32_t) ((c | 0x20) - 'a' + 10);
                else
                        return -EBADMSG;
        }
        *ret = x;
        return 0;
}

/* Behind the backslash. */
static int scan_escape(Scan *s, uint32_t *ret) {
        static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
        uint32_t high, low;

        if (s->at == s->end)
                return -EBADMSG;
        uint8_t c = *s->at++;
        if (c != 'u') {
                const char *found = c != 0 ? strchr(from, c) : NULL;
                if (!found)
                        return -EBADMSG;
                *ret = (uint8_t) to[found - from];
                return 0;
        }

        if (scan_hex4(s, &high) < 0)
                return -EBADMSG;
        if (high >= 0xd800 && high < 0xdc00) {
                if (!take(s, '\\') || !take(s, 'u') || scan_hex4(s, &low) < 0 || low < 0xdc00 ||
                    low >= 0xe000)
                        return -EBADMSG;
                high = 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
        } else if (high >= 0xdc00 && high < 0xe000)
                return -EBADMSG;
        *ret = high;
        return 0;
}

/* ret_hash: FNV-1a of the characters that the string stands for, not NULL for a member's name. */
static int scan_string(Scan *s, uint64_t *ret_hash) {
        uint64_t hash = 0xcbf29ce484222325;
        uint32_t c;

        if (!take(s, '"'))
                return -EBADMSG;
        while (!take(s, '"')) {
                if (s->at == s->end || *s->at < 0x20)
                        return -EBADMSG;
                if (take(s, '\\') ? scan_escape(s, &c) < 0 : utf8_next(&s->at, s->end, &c) < 0)
                        return -EBADMSG;
                if (ret_hash && c == 0)
                        return -EBADMSG; /* json-c would end the name there */
                hash = (hash ^ c) * 0x100000001b3;
        }
        if (ret_hash)
                *ret_hash = hash;
        return 0;
}

static size_t scan_digits(Scan *s) {
        const uint8_t *start = s->at;

        while (s->at < s->end && *s->at >= '0' && *s->at <= '9')
                s->at++;
        return (size_t) (s->at - start);
}

static int scan_number(Scan *s) {
        const uint8_t *start = s->at;

        (void) take(s, '-');
        if (!take(s, '0') && scan_digits(s) == 0)
                return -EBADMSG;
        if (take(s, '.') && scan_digits(s) == 0)
                return -EBADMSG;
        if (take(s, 'e') || take(s, 'E')) {
                if (!take(s, '+'))
                        (void) take(s, '-');
                if (scan_digits(s) == 0)
                        return -EBADMSG;
        }
        return (size_t) (s->at - start) > JSON_NUMBER_MAX ? -E2BIG : 0;
}

static int scan_word(Scan *s, const char *word) {
        for (; *word; word++)
                if (!take(s, *word))
                        return -EBADMSG;
        return 0;
}

static int scan_array(Scan *s) {
        int r;

        skip_space(s);
        if (take(s, ']'))
                return 0;
        for (;;) {
                r = scan_value(s);
                if (r < 0)
                        return r;
                if (take(s, ']'))
                        return 0;
                if (!take(s, ','))
                        return -EBADMSG;
        }
}

/* Equal hashes count as equal names: that two names which differ share one is no accident. */
static int scan_name(Scan *s, size_t first) {
        uint64_t hash;

        skip_space(s);
        if (scan_string(s, &hash) < 0)
                return -EBADMSG;
        for (size_t i = first; i < s->n_names; i++)
                if (s->names[i] == hash)
                        return -EBADMSG;
        if (s->n_names == JSON_MEMBERS_MAX)
                return -E2BIG;
        s->names[s->n_names++] = hash;
        skip_space(s);
        return take(s, ':') ? 0 : -EBADMSG;
}

static int scan_object(Scan *s) {
        size_t first = s->n_names;
        int r;

        skip_space(s);
        if (take(s, '}'))
                return 0;
        for (;;) {
                r = scan_name(s, first);
                if (r < 0)
                        return r;
                r = scan_value(s);
                if (r < 0)
                        return r;
                if (take(s, '}'))
                        break;
                if (!take(s, ','))
                        return -EBADMSG;
        }
        s->n_names = first;
        return 0;
}

static int scan_nested(Scan *s) {
        int r;

        if (s->depth == 0)
                return -E2BIG;
        s->depth--;
        r = *s->at++ == '{' ? scan_object(s) : scan_array(s);
        s->depth++;
        return r;
}

/* A value and the white space around it. */
static int scan_value(Scan *s) {
        int r;

        skip_space(s);
        if (s->at == s->end)
                return -EBADMSG;
        switch (*s->at) {
        case '{':
        case '[':
                r = scan_nested(s);
                break;
        case '"':
                r = scan_string(s, NULL);
                break;
        case 't':
                r = scan_word(s, "true");
                break;
        case 'f':
                r = scan_word(s, "false");
                break;
        case 'n':
                r = scan_word(s, "null");
                break;
        default:
                r = scan_number(s);
        }
        skip_space(s);
        return r;
}

int json_scan(ByteView text, unsigned depth) {
        if (text.size == 0)
                return -EBADMSG;
        if (text.size > JSON_TEXT_MAX)
                return -E2BIG;

        Scan s = { .at = text.data, .end = text.data + text.size, .depth = MIN_OF(depth, JSON_DEPTH_MAX) };
        int r = scan_value(&s);
        if (r < 0)
                return r;
        return s.at == s.end ? 0 : -EBADMSG;
}
