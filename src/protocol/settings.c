/* SPDX-License-Identifier: MIT */
#include <strings.h>

#include "protocol/utf8.h"
#include "protocol/settings.h"

static bool is_space(uint8_t c) {
        return c == ' ' || c == '\t' || c == '\r';
}

static ByteView trim(ByteView v) {
        while (v.size > 0 && is_space(v.data[0]))
                v = VIEW(v.data + 1, v.size - 1);
        while (v.size > 0 && is_space(v.data[v.size - 1]))
                v.size--;
        return v;
}

/* Names of sections and keys. */
static bool is_word(ByteView v) {
        if (v.size == 0)
                return false;
        for (size_t i = 0; i < v.size; i++) {
                uint8_t c = v.data[i];
                if (!((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
                      c == '-' || c == '_'))
                        return false;
        }
        return true;
}

static bool is_text(ByteView v) {
        for (size_t i = 0; i < v.size; i++)
                if ((v.data[i] < 0x20 && !is_space(v.data[i])) || v.data[i] == 0x7f)
                        return false;
        return utf8_valid(v);
}

static void to_string(ByteView v, char ret[static SETTINGS_LINE_MAX + 1]) {
        if (v.size > 0)
                memcpy(ret, v.data, v.size);
        ret[v.size] = 0;
}

typedef struct Line {
        char section[SETTINGS_LINE_MAX + 1], key[SETTINGS_LINE_MAX + 1], value[SETTINGS_LINE_MAX + 1];
} Line;

/* Returns 1 when there is an assignment in line. */
static int parse_line(ByteView text, Line *line) {
        if (text.size > SETTINGS_LINE_MAX)
                return -E2BIG;
        if (!is_text(text))
                return -EBADMSG;
        text = trim(text);
        if (text.size == 0 || text.data[0] == '#' || text.data[0] == ';')
                return 0;

        if (text.data[0] == '[') {
                ByteView name = VIEW(text.data + 1, text.size - 1);
                if (name.size == 0 || name.data[--name.size] != ']' || !is_word(name))
                        return -EBADMSG;
                to_string(name, line->section);
                return 0;
        }

        const uint8_t *equals = memchr(text.data, '=', text.size);
        if (!equals)
                return -EBADMSG;
        size_t n = (size_t) (equals - text.data);
        ByteView key = trim(VIEW(text.data, n));
        if (!is_word(key))
                return -EBADMSG;
        to_string(key, line->key);
        to_string(trim(VIEW(equals + 1, text.size - n - 1)), line->value);
        return 1;
}

static int parse_lines(ByteView text, SettingsFunc func, void *userdata, unsigned *n_line) {
        Line line = {};

        while (text.size > 0) {
                const uint8_t *end = memchr(text.data, '\n', text.size);
                size_t n = end ? (size_t) (end - text.data) : text.size, used = end ? n + 1 : n;
                int r;

                (*n_line)++;
                r = parse_line(VIEW(text.data, n), &line);
                if (r > 0)
                        r = func(line.section, line.key, line.value, *n_line, userdata);
                if (r < 0)
                        return r;
                text = VIEW(text.data + used, text.size - used);
        }
        return 0;
}

int settings_parse(ByteView text, SettingsFunc func, void *userdata, unsigned *reterr_line) {
        unsigned line = 0;
        int r;

        r = text.size > SETTINGS_FILE_MAX ? -E2BIG : parse_lines(text, func, userdata, &line);
        if (r < 0 && reterr_line)
                *reterr_line = line;
        return r;
}

int settings_parse_bool(const char *value, bool *ret) {
        static const char *const words[][2] = {
                { "no", "yes" }, { "false", "true" }, { "off", "on" }, { "0", "1" },
        };

        for (size_t i = 0; i < ELEMENTSOF(words); i++)
                for (int b = 0; b < 2; b++)
                        if (strcasecmp(value, words[i][b]) == 0) {
                                *ret = b;
                                return 0;
                        }
        return -EINVAL;
}

/* Seconds in a unit, 0: no such unit. Nothing: seconds. */
static int64_t unit_seconds(const char *unit, size_t n) {
        static const struct {
                const char *name;
                int64_t seconds;
        } units[] = {
                { "", 1 },      { "s", 1 },      { "sec", 1 },      { "m", 60 },        { "min", 60 },
                { "h", 3600 },  { "d", 86400 },  { "w", 604800 },   { "y", 31536000 },
        };

        for (size_t i = 0; i < ELEMENTSOF(units); i++)
                if (strlen(units[i].name) == n && memcmp(unit, units[i].name, n) == 0)
                        return units[i].seconds;
        return 0;
}

int settings_parse_duration(const char *value, int64_t max_seconds, int64_t *ret_seconds) {
        const char *p = value;
        int64_t sum = 0;

        do {
                size_t digits = strspn(p, "0123456789"), letters;
                int64_t number = 0, unit, part;

                if (digits == 0)
                        return -EINVAL;
                for (; digits > 0; digits--, p++)
                        if (__builtin_mul_overflow(number, 10, &number) ||
                            __builtin_add_overflow(number, *p - '0', &number))
                                return -ERANGE;
                p += strspn(p, " ");
                letters = strspn(p, "abcdefghijklmnopqrstuvwxyz");
                unit = unit_seconds(p, letters);
                if (unit == 0)
                        return -EINVAL;
                if (__builtin_mul_overflow(number, unit, &part) || __builtin_add_overflow(sum, part, &sum))
                        return -ERANGE;
                p += letters;
                p += strspn(p, " ");
                if (*p && letters == 0)
                        return -EINVAL; /* "1 2" */
        } while (*p);

        if (sum > max_seconds)
                return -ERANGE;
        *ret_seconds = sum;
        return 0;
}

int settings_parse_number(const char *value, size_t min, size_t max, size_t *ret) {
        size_t n = 0;

        if (!*value)
                return -EINVAL;
        for (; *value; value++) {
                if (*value < '0' || *value > '9')
                        return -EINVAL;
                n = n * 10 + (size_t) (*value - '0');
                if (n > max)
                        return -ERANGE;
        }
        if (n < min)
                return -ERANGE;
        *ret = n;
        return 0;
}
