/* SPDX-License-Identifier: MIT */
#include "protocol/browser-policy.h"
#include "protocol/json-value.h"
#include "test.h"

static void check_json(const Bytes *b, const char *expected) {
        _cleanup_json_ struct json_object *o = NULL, *e = json_tokener_parse(expected);

        check_int(json_parse_strict(bytes_view(b), 20, &o), 0);
        if (!json_object_equal(o, e))
                fprintf(stderr, "%.*s\n", (int) b->size, (const char *) b->data);
        check(json_object_equal(o, e));
        check(b->data[b->size - 1] == '\n');
}

#define RULE(p, cn) "{\\\"pattern\\\":\\\"" p "\\\",\\\"filter\\\":{\\\"ISSUER\\\":{\\\"CN\\\":\\\"" cn "\\\"}}}"

static void test_chromium(void) {
        static const char *const two[] = { "https://a.test", "https://[*.]b.test:8443" };
        _cleanup_bytes_ Bytes a = BYTES_NULL, b = BYTES_NULL, c = BYTES_NULL, d = BYTES_NULL;
        ChromiumRules rules;

        check_int(chromium_policy_add(VIEW_NULL, two, 2, "An \"I\"", &a), 0);
        check_json(&a, "{\"AutoSelectCertificateForUrls\":[\"" RULE("https://a.test", "An \\\\\\\"I\\\\\\\"") "\",\""
                       RULE("https://[*.]b.test:8443", "An \\\\\\\"I\\\\\\\"") "\"]}");
        /* Another issuer for one of them, in place of the rule that is there. */
        check_int(chromium_policy_add(bytes_view(&a), two, 1, "J", &b), 0);
        check_int(chromium_policy_count(bytes_view(&b), "J", &rules), 0);
        check_int(rules.n, 2);
        check_int(rules.n_issuer, 1);
        check_int(chromium_policy_remove(bytes_view(&b), two, 1, &c), 0);
        check_int(chromium_policy_count(bytes_view(&c), "J", &rules), 0);
        check_int(rules.n, 1);
        check_int(rules.n_issuer, 0);
        check_int(chromium_policy_remove(bytes_view(&c), NULL, 0, &d), 0);
        check_int(d.size, 0);
}

static void test_chromium_keeps(void) {
        static const char *const one[] = { "https://a.test" };
        static const char file[] = "{\"Other\": {\"x\": [1.50, 12345678901234567, null, \"\\u00e9/\"]},"
                                   " \"AutoSelectCertificateForUrls\": [\"nonsense\", \"" RULE("*", "I") "\"]}";
        _cleanup_bytes_ Bytes a = BYTES_NULL, b = BYTES_NULL, c = BYTES_NULL;

        check_int(chromium_policy_add(VIEW_STR(file), one, 1, "I", &a), 0);
        check_int(chromium_policy_remove(bytes_view(&a), one, 1, &b), 0);
        check_json(&b, file);
        check(memmem(b.data, b.size, "1.50", 4)); /* as it was written */
        check_int(chromium_policy_remove(VIEW_STR("{\"Other\":1}"), NULL, 0, &c), 0);
        check(view_equal(bytes_view(&c), VIEW_STR("{\"Other\":1}")));
}

static void test_left_alone(void) {
        static const char *const one[] = { "a" };
        static const char *const bad[] = { "nonsense", "[]", "{} // comment", "{\"AutoSelectCertificateForUrls\": {}}",
                                           "{\"policies\": []}", "{\"policies\": {\"SecurityDevices\": 1}}",
                                           "{\"policies\": {\"SecurityDevices\": {\"Add\": null}}}" };
        Bytes none = BYTES_NULL;

        for (size_t i = 0; i < 4; i++)
                check_int(chromium_policy_add(VIEW_STR(bad[i]), one, 1, "I", &none), -EBADMSG);
        for (size_t i = 0; i < 3; i++)
                check_int(firefox_policy_add(VIEW_STR(bad[i]), "n", "/l", &none), -EBADMSG);
        for (size_t i = 4; i < ELEMENTSOF(bad); i++)
                check_int(firefox_policy_add(VIEW_STR(bad[i]), "n", "/l", &none), -EBADMSG);
        check_int(firefox_policy_add(VIEW_STR("{\"x\": 1234567890123456789}"), "n", "/l", &none), -E2BIG);
        check(!none.data);
}

static void check_firefox(const char *before, const char *after) {
        _cleanup_bytes_ Bytes a = BYTES_NULL, b = BYTES_NULL;
        _cleanup_free_ char *library = NULL;

        check_int(firefox_policy_add(VIEW_STR(before), "n", "/l", &a), 0);
        check_json(&a, after);
        check_int(firefox_policy_get(bytes_view(&a), "n", &library), 0);
        check_str(library, "/l");
        check_int(firefox_policy_remove(bytes_view(&a), "n", &b), 0);
        if (*before)
                check_json(&b, before);
        else
                check_int(b.size, 0);
}

static void test_patterns(void) {
        static const char *const good[] = { "https://a.test", "https://[*.]a.test:8443", "https://[::1]:1", "a.test",
                                            "*" };
        static const char *const bad[] = { "", "https://", "https://a.test/", "http://a.test", "https://a b", "a\"b" };

        for (size_t i = 0; i < ELEMENTSOF(good); i++)
                check(chromium_pattern_valid(good[i]));
        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                check(!chromium_pattern_valid(bad[i]));
}

int main(void) {
        char *none = NULL;

        test_chromium();
        test_chromium_keeps();
        test_left_alone();
        test_patterns();
        check_firefox("", "{\"policies\":{\"SecurityDevices\":{\"Add\":{\"n\":\"/l\"}}}}");
        check_firefox("{\"policies\":{\"A\":1},\"B\":2}",
                      "{\"policies\":{\"A\":1,\"SecurityDevices\":{\"Add\":{\"n\":\"/l\"}}},\"B\":2}");
        check_firefox("{\"policies\":{\"SecurityDevices\":{\"Delete\":[\"x\"]}}}",
                      "{\"policies\":{\"SecurityDevices\":{\"Delete\":[\"x\"],\"Add\":{\"n\":\"/l\"}}}}");
        check_firefox("{\"policies\":{\"SecurityDevices\":{\"old\":\"/o\"}}}",
                      "{\"policies\":{\"SecurityDevices\":{\"old\":\"/o\",\"n\":\"/l\"}}}");
        check_int(firefox_policy_get(VIEW_STR("{\"policies\":{}}"), "n", &none), -ENOENT);
        return 0;
}
