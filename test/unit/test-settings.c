/* SPDX-License-Identifier: MIT */
#include "protocol/settings.h"
#include "test.h"

typedef struct Seen {
        char text[1024];
        int answer;
} Seen;

static int see(const char *section, const char *key, const char *value, unsigned line, void *userdata) {
        Seen *s = userdata;
        size_t n = strlen(s->text);

        (void) snprintf(s->text + n, sizeof(s->text) - n, "%u:%s.%s=%s|", line, section, key, value);
        return s->answer;
}

static void test_parse(void) {
        Seen s = {};
        unsigned line = 77;

        check_int(settings_parse(
                          VIEW_STR("# a comment\n; another\n\nEarly=1\n[Server]\r\n AKLifetime = 24h \r\n"
                                   "Listen=[::1]:8080\nEmpty=\n\t# indented\n[HTTP-2]\nÜ=no\n"),
                          see, &s, &line),
                  -EBADMSG);
        check_int(line, 11);
        check_str(s.text, "4:.Early=1|6:Server.AKLifetime=24h|7:Server.Listen=[::1]:8080|8:Server.Empty=|");

        s = (Seen) {};
        line = 77;
        check_int(settings_parse(VIEW_STR("[A]\nK=a=b # not a comment; é"), see, &s, &line), 0);
        check_str(s.text, "2:A.K=a=b # not a comment; é|");
        check_int(line, 77);
        check_int(settings_parse(VIEW_NULL, see, &s, NULL), 0);

        s = (Seen) { .answer = -EINVAL };
        check_int(settings_parse(VIEW_STR("\nA=1\nB=2\n"), see, &s, &line), -EINVAL);
        check_int(line, 2);
        check_str(s.text, "2:.A=1|");
}

static void test_bad(void) {
        static const char *const bad[] = {
                "word",
                "=value",
                " = ",
                "[",
                "[]",
                "[Server",
                "Server]",
                "[Ser ver]",
                "[A]x",
                "[A] # c",
                "a b=1",
                "[[A]]",
                "A=\x01",
                "A=\x7f",
                "A=\xff",
                "A=\xc3",
                "\xef\xbb\xbf"
                "A=1",
        };
        Seen s = {};

        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                if (settings_parse(VIEW_STR(bad[i]), see, &s, NULL) != -EBADMSG) {
                        fprintf(stderr, "accepted: %s\n", bad[i]);
                        abort();
                }
        check_int(settings_parse(VIEW("A=1\0", 4), see, &s, NULL), -EBADMSG);
        check_str(s.text, "");
}

static void test_limits(void) {
        _cleanup_bytes_ Bytes b = { .data = malloc(SETTINGS_FILE_MAX + 1), .size = SETTINGS_FILE_MAX + 1 };
        unsigned line = 77;
        Seen s = {};

        check(b.data);
        memset(b.data, '\n', b.size);
        check_int(settings_parse(bytes_view(&b), see, &s, &line), -E2BIG);
        check_int(line, 0);
        b.size--;
        check_int(settings_parse(bytes_view(&b), see, &s, &line), 0);
        memset(b.data, '#', SETTINGS_LINE_MAX);
        check_int(settings_parse(bytes_view(&b), see, &s, &line), 0);
        b.data[SETTINGS_LINE_MAX] = '#';
        check_int(settings_parse(bytes_view(&b), see, &s, &line), -E2BIG);
        check_int(line, 1);
}

static void test_bool(void) {
        bool b = false;

        check_int(settings_parse_bool("Yes", &b), 0);
        check(b);
        check_int(settings_parse_bool("off", &b), 0);
        check(!b);
        check_int(settings_parse_bool("1", &b), 0);
        check(b);
        check_int(settings_parse_bool("", &b), -EINVAL);
        check_int(settings_parse_bool("yes ", &b), -EINVAL);
        check_int(settings_parse_bool("2", &b), -EINVAL);
        check(b);
}

static void test_duration(void) {
        static const struct {
                const char *text;
                int64_t seconds;
        } rows[] = {
                { "0", 0 },        { "90", 90 },       { "90s", 90 },      { "90 sec", 90 },
                { "2min", 120 },   { "2m", 120 },      { "24h", 86400 },   { "7d", 604800 },
                { "2w", 1209600 }, { "1y", 31536000 }, { "1h 30m", 5400 }, { "1h30m", 5400 },
                { "1h 30", 3630 }, { "1d ", 86400 },
        };
        static const char *const bad[] = { "",     " ",  "h",   "1x",  "1 2",   "-1",      "+1",
                                           "1.5h", "1H", "1hh", "0x1", "1h,2m", "infinity" };
        int64_t t = -1;

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                check_int(settings_parse_duration(rows[i].text, INT64_MAX, &t), 0);
                check_int(t, rows[i].seconds);
        }
        t = 5;
        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                check_int(settings_parse_duration(bad[i], INT64_MAX, &t), -EINVAL);
        check_int(settings_parse_duration("61s", 60, &t), -ERANGE);
        check_int(settings_parse_duration("99999999999999999999", INT64_MAX, &t), -ERANGE);
        check_int(settings_parse_duration("9223372036854775807y", INT64_MAX, &t), -ERANGE);
        check_int(settings_parse_duration("9223372036854775807s 1s", INT64_MAX, &t), -ERANGE);
        check_int(t, 5);
}

static void test_number(void) {
        static const char *const bad[] = { "", " 1", "1 ", "-1", "+1", "0x1", "1.0", "eins" };
        size_t n = 0;

        check_int(settings_parse_number("7", 1, 10, &n), 0);
        check_int(n, 7);
        check_int(settings_parse_number("010", 1, 10, &n), 0);
        check_int(n, 10);
        check_int(settings_parse_number("11", 1, 10, &n), -ERANGE);
        check_int(settings_parse_number("0", 1, 10, &n), -ERANGE);
        check_int(settings_parse_number("99999999999999999999999", 1, 10, &n), -ERANGE);
        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                check_int(settings_parse_number(bad[i], 0, 10, &n), -EINVAL);
        check_int(n, 10);
}

int main(void) {
        test_parse();
        test_bad();
        test_limits();
        test_bool();
        test_duration();
        test_number();
        return EXIT_SUCCESS;
}
