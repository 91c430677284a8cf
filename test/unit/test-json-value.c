/* SPDX-License-Identifier: MIT */
#include "protocol/json-value.h"
#include "test.h"

static struct json_object *parse(const char *text) {
        struct json_object *o = NULL;

        check_int(json_parse_strict(VIEW_STR(text), 4, &o), 0);
        return o;
}

static void test_parse(void) {
        struct json_object *o = NULL;

        check_int(json_parse_strict(VIEW_STR("[]"), 4, &o), -EBADMSG);
        check_int(json_parse_strict(VIEW_STR("1"), 4, &o), -EBADMSG);
        check_int(json_parse_strict(VIEW_STR("null"), 4, &o), -EBADMSG);
        check_int(json_parse_strict(VIEW_STR("{\"a\":1,\"a\":2}"), 4, &o), -EBADMSG);
        check_int(json_parse_strict(VIEW_STR("{\"a\":[[[[1]]]]}"), 4, &o), -E2BIG);
        check(!o);
        /* not NUL-terminated: json-c must not look behind the end */
        check_int(json_parse_strict(VIEW("{\"a\":1}2", 7), 4, &o), 0);
        json_object_put(o);
        o = parse("{\"a\":[[[1]]]}");
        json_object_put(o);
}

static void test_text(void) {
        _cleanup_json_ struct json_object *o = parse(
                "{\"t\":\"a/\\u00e9\",\"nul\":\"a\\u0000b\",\"n\":null,\"i\":1,\"e\":\"\"}");
        _cleanup_free_ char *t = NULL, *e = NULL;
        _cleanup_bytes_ Bytes raw = BYTES_NULL;
        char *untouched = NULL;

        check_int(json_member_text(o, "t", 4, &t), 0);
        check_str(t, "a/é");
        check_int(json_member_text(o, "e", 0, &e), 0);
        check_str(e, "");
        check_int(json_member_text(o, "t", 3, &untouched), -E2BIG);
        check_int(json_member_text(o, "nul", 9, &untouched), -EBADMSG);
        check_int(json_member_text(o, "n", 9, &untouched), -EBADMSG);
        check_int(json_member_text(o, "i", 9, &untouched), -EBADMSG);
        check_int(json_member_text(o, "none", 9, &untouched), -ENOENT);
        check(!untouched);
        check_int(json_member_raw(o, "nul", 3, &raw), 0);
        check_hex(bytes_view(&raw), "610062");
        json_drop_nulls(o);
        check_int(json_member_text(o, "n", 9, &untouched), -ENOENT);
        check_int(json_object_object_length(o), 4);
}

static void test_base64(void) {
        _cleanup_json_ struct json_object *o =
                parse("{\"s\":\"+/8=\",\"u\":\"-_8\",\"nopad\":\"+/8\",\"nul\":\"+/8\\u0000\"}");
        _cleanup_bytes_ Bytes s = BYTES_NULL, u = BYTES_NULL;
        Bytes untouched = BYTES_NULL;

        check_int(json_member_base64(o, "s", 2, &s), 0);
        check_hex(bytes_view(&s), "fbff");
        check_int(json_member_base64url(o, "u", 2, &u), 0);
        check_hex(bytes_view(&u), "fbff");
        check_int(json_member_base64(o, "s", 1, &untouched), -E2BIG);
        check_int(json_member_base64(o, "u", 2, &untouched), -EBADMSG);
        check_int(json_member_base64(o, "nopad", 2, &untouched), -EBADMSG);
        check_int(json_member_base64(o, "nul", 9, &untouched), -EBADMSG);
        check_int(json_member_base64url(o, "s", 9, &untouched), -EBADMSG);
        check_int(json_member_base64(o, "none", 2, &untouched), -ENOENT);
        check(!untouched.data);
}

static void test_others(void) {
        _cleanup_json_ struct json_object *o = parse("{\"i\":7,\"big\":99999999999999999999,\"d\":7.0,\"b\":"
                                                     "true,\"o\":{},\"a\":[1,2],\"s\":\"7\"}");
        struct json_object *v = NULL;
        int64_t i = -1;
        bool b = false;

        check_int(json_member_int(o, "i", 0, 7, &i), 0);
        check_int(i, 7);
        check_int(json_member_int(o, "i", 0, 6, &i), -E2BIG);
        check_int(json_member_int(o, "i", 8, 9, &i), -E2BIG);
        check_int(json_member_int(o, "big", INT64_MIN, INT64_MAX, &i), -E2BIG);
        check_int(json_member_int(o, "d", 0, 9, &i), -EBADMSG);
        check_int(json_member_int(o, "s", 0, 9, &i), -EBADMSG);
        check_int(json_member_bool(o, "b", &b), 0);
        check(b);
        check_int(json_member_bool(o, "i", &b), -EBADMSG);
        check_int(json_member_object(o, "o", &v), 0);
        check_int(json_member_object(o, "a", &v), -EBADMSG);
        check_int(json_member_array(o, "a", 2, &v), 0);
        check_int(json_member_array(o, "a", 1, &v), -E2BIG);
        check_int(json_member_array(o, "o", 1, &v), -EBADMSG);
        check_int(json_member_array(o, "none", 1, &v), -ENOENT);
}

static void test_build(void) {
        _cleanup_json_ struct json_object *o = NULL;
        _cleanup_bytes_ Bytes text = BYTES_NULL;
        struct json_object *list;

        check_int(json_new_object(&o), 0);
        check_int(json_add_text(o, "url", "https://a/b\"\n"), 0);
        check_int(json_add_raw(o, "raw", VIEW("a\0b", 3)), 0);
        check_int(json_add_raw(o, "none", VIEW_NULL), 0);
        check_int(json_add_base64url(o, "u", VIEW("\xfb\xff", 2)), 0);
        check_int(json_new_array(&list), 0);
        check_int(json_add(o, "l", list), 0);
        check_int(json_append_base64(list, VIEW("\xfb\xff", 2)), 0);
        check_int(json_add_text(o, "bad", "\xff"), -EINVAL);
        check_int(json_add(o, "bad", NULL), -ENOMEM);
        check_int(json_serialize(o, &text), 0);
        check_str((const char *) text.data,
                  "{\"url\":\"https://a/"
                  "b\\\"\\n\",\"raw\":\"a\\u0000b\",\"none\":\"\",\"u\":\"-_8\",\"l\":[\"+/8=\"]}");
        check_int(text.size, strlen((const char *) text.data));
}

int main(void) {
        test_parse();
        test_text();
        test_base64();
        test_others();
        test_build();
        return EXIT_SUCCESS;
}
