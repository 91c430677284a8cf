/* SPDX-License-Identifier: MIT */
#include "protocol/json-scan.h"
#include "protocol/utf8.h"
#include "test.h"

static int scan(const char *text) {
        return json_scan(VIEW_STR(text), 4);
}

static void test_good(void) {
        static const char *const good[] = {
                "{}",
                "[]",
                "0",
                "-0",
                "-12.5e+3",
                "1E5",
                "true",
                "false",
                "null",
                "\"\"",
                " \t\r\n{ } \n",
                "{\"a\":1,\"b\":{\"a\":2},\"c\":[{\"a\":1},{\"a\":2}]}", /* names repeat in other objects
                                                                            only */
                "[1,2,[3,[4]]]",
                "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\uD83D\\uDE00\"",
                "\"\\u0000\"",
                "\"é€😀\x7f\"",
                "{\"\":0}",
                "{\"a\":0,\"A\":0}",
        };

        for (size_t i = 0; i < ELEMENTSOF(good); i++)
                if (scan(good[i]) != 0) {
                        fprintf(stderr, "refused: %s\n", good[i]);
                        abort();
                }
}

static void test_bad(void) {
        static const char *const bad[] = {
                "",
                " ",
                "{",
                "}",
                "[",
                "{\"a\"}",
                "{\"a\":}",
                "{\"a\":1,}",
                "{,}",
                "[1,]",
                "[,1]",
                "{a:1}",
                "{1:1}",
                "{\"a\":1 \"b\":2}",
                "[1 2]",
                "{} {}",
                "{}x",
                "1 2",
                "nul",
                "nulll",
                "True",
                "NaN",
                "Infinity",
                "-Infinity",
                "-",
                "+1",
                "01",
                "-01",
                "1.",
                ".5",
                "1e",
                "1e+",
                "0x10",
                "'a'",
                "{'a':1}",
                "\"a",
                "\"\\\"",
                "\"\\x41\"",
                "\"\\u12\"",
                "\"\\u12G4\"",
                "\"\t\"",
                "\"\n\"",
                "\"\\\n\"",
                "// c\n1",
                "/* c */1",
                "1//",
                "#\n1",
                "\xef\xbb\xbf{}",
                /* duplicate members, however they are spelt */
                "{\"a\":1,\"a\":1}",
                "{\"a\":1,\"b\":2,\"\\u0061\":3}",
                "[{\"x\":{\"a\":1,\"a\":2}}]",
                "{\"\":1,\"\":2}",
                "{\"😀\":1,\"\\uD83D\\uDE00\":2}",
                /* a name that json-c would cut: ek\0x is not ek */
                "{\"ek\\u0000x\":1}",
                "{\"\\u0000\":1}",
                /* lone surrogates */
                "\"\\uD83D\"",
                "\"\\uDE00\"",
                "\"\\uD83Dx\"",
                "\"\\uD83D\\u0041\"",
                "\"\\uD83D\\uD83D\"",
                "\"\\uDE00\\uD83D\"",
                /* not UTF-8: alone, cut, overlong, a surrogate, too high */
                "\"\x80\"",
                "\"\xc3\"",
                "\"\xe2\x82\"",
                "\"\xc0\xaf\"",
                "\"\xe0\x80\xaf\"",
                "\"\xf0\x80\x80\xaf\"",
                "\"\xed\xa0\x80\"",
                "\"\xf4\x90\x80\x80\"",
                "\"\xff\"",
        };

        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                if (scan(bad[i]) != -EBADMSG) {
                        fprintf(stderr, "row %zu: %d for %s\n", i, scan(bad[i]), bad[i]);
                        abort();
                }
        check_int(json_scan(VIEW("{\"a\":1\0}", 8), 4), -EBADMSG);
        check_int(json_scan(VIEW("{}\0", 3), 4), -EBADMSG);
        check_int(json_scan(VIEW("\"\0\"", 3), 4), -EBADMSG);
        check_int(json_scan(VIEW_NULL, 4), -EBADMSG);
}

/* {"0":0,…} with n members */
static Bytes object_of(unsigned n) {
        Bytes b = { .data = malloc(16 * (size_t) n + 16) };
        int used = 0;

        check(b.data);
        for (unsigned i = 0; i < n; i++)
                used += sprintf((char *) b.data + used, "%c\"%u\":0", i == 0 ? '{' : ',', i);
        used += sprintf((char *) b.data + used, "}");
        b.size = (size_t) used;
        return b;
}

static void test_limits(void) {
        char digits[JSON_NUMBER_MAX + 2];
        char deep[2 * JSON_DEPTH_MAX + 3];

        check_int(scan("[[[[1]]]]"), 0);
        check_int(scan("[[[[[1]]]]]"), -E2BIG);
        check_int(scan("{\"a\":{\"a\":{\"a\":{\"a\":{}}}}}"), -E2BIG);
        check_int(json_scan(VIEW_STR("{}"), 0), -E2BIG);
        check_int(json_scan(VIEW_STR("1"), 0), 0);
        memset(deep, '[', JSON_DEPTH_MAX + 1);
        memset(deep + JSON_DEPTH_MAX + 1, ']', JSON_DEPTH_MAX + 1);
        check_int(json_scan(VIEW(deep, 2 * JSON_DEPTH_MAX + 2), UINT32_MAX), -E2BIG);
        check_int(json_scan(VIEW(deep + 1, 2 * JSON_DEPTH_MAX), UINT32_MAX), 0);

        memset(digits, '7', sizeof(digits));
        check_int(json_scan(VIEW(digits, JSON_NUMBER_MAX), 1), 0);
        check_int(json_scan(VIEW(digits, JSON_NUMBER_MAX + 1), 1), -E2BIG);

        _cleanup_bytes_ Bytes most = object_of(JSON_MEMBERS_MAX), more = object_of(JSON_MEMBERS_MAX + 1);
        check_int(json_scan(bytes_view(&most), 1), 0);
        check_int(json_scan(bytes_view(&more), 1), -E2BIG);

        _cleanup_bytes_ Bytes big = { .data = malloc(JSON_TEXT_MAX + 1), .size = JSON_TEXT_MAX + 1 };
        check(big.data);
        memset(big.data, ' ', big.size);
        memcpy(big.data, "{}", 2);
        check_int(json_scan(bytes_view(&big), 1), -E2BIG);
        big.size--;
        check_int(json_scan(bytes_view(&big), 1), 0);
}

static void test_utf8(void) {
        check(utf8_valid(VIEW_NULL));
        check(utf8_valid(VIEW_STR("é€😀\x01")));
        check(utf8_valid(VIEW("a\0b", 3)));
        check(!utf8_valid(VIEW_STR("a\xe9")));
}

int main(void) {
        test_good();
        test_bad();
        test_limits();
        test_utf8();
        return EXIT_SUCCESS;
}
