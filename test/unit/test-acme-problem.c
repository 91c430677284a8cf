/* SPDX-License-Identifier: MIT */
#include "protocol/acme-problem.h"
#include "test.h"

static void check_text(const char *body, const char *expected) {
        _cleanup_acme_problem_ AcmeProblem p = {};
        _cleanup_free_ char *text = NULL;

        check_int(acme_problem_parse(VIEW_STR(body), &p), 0);
        check_int(acme_problem_to_text(&p, &text), 0);
        check_str(text, expected);
}

static void test_text(void) {
        check_text("{}", "");
        check_text("{\"type\":\"urn:ietf:params:acme:error:badNonce\"}", "badNonce");
        check_text("{\"detail\":\"provisioner not found\",\"message\":\"x\",\"status\":404}",
                   "provisioner not found");
        check_text("{\"type\":\"about:blank\",\"detail\":\"d\",\"subproblems\":null}", "about:blank: d");
        check_text("{\"type\":\"urn:ietf:params:acme:error:malformed\",\"detail\":\"a\",\"subproblems\":[]}",
                   "malformed: a");
        /* RFC 8555, 6.7.1 */
        check_text("{\"type\":\"urn:ietf:params:acme:error:malformed\",\"detail\":\"Some of the identifiers "
                   "requested were rejected\","
                   "\"subproblems\":[{\"type\":\"urn:ietf:params:acme:error:malformed\",\"detail\":"
                   "\"Invalid underscore\","
                   "\"identifier\":{\"type\":\"dns\",\"value\":\"_example.org\"}},{\"type\":\"urn:ietf:"
                   "params:acme:error:rejectedIdentifier\","
                   "\"detail\":\"This CA will not issue\",\"identifier\":null}]}",
                   "malformed: Some of the identifiers requested were rejected (malformed: Invalid "
                   "underscore for _example.org; "
                   "rejectedIdentifier: This CA will not issue)");
}

static void test_is(void) {
        _cleanup_acme_problem_ AcmeProblem p = {}, other = {};

        check_int(acme_problem_parse(VIEW_STR("{\"type\":\"urn:ietf:params:acme:error:badNonce\"}"), &p), 0);
        check(acme_problem_is(&p, "badNonce"));
        check(!acme_problem_is(&p, "badNonc"));
        check(!acme_problem_is(&p, "urn:ietf:params:acme:error:badNonce"));
        check_int(acme_problem_parse(VIEW_STR("{\"type\":\"badNonce\"}"), &other), 0);
        check(!acme_problem_is(&other, "badNonce"));
        check(!acme_problem_is(&(AcmeProblem) {}, "badNonce"));
}

static void test_bad(void) {
        static const char *const bad[] = {
                "",
                "404 page not found\n",
                "<html>",
                "[]",
                "\"x\"",
                "{\"type\":1}",
                "{\"detail\":{}}",
                "{\"detail\":\"a\\u0000\"}",
                "{\"subproblems\":{}}",
                "{\"subproblems\":[1]}",
                "{\"subproblems\":[null]}",
                "{\"subproblems\":[{\"type\":1}]}",
                "{\"subproblems\":[{},{\"identifier\":1}]}",
                "{\"subproblems\":[{},{\"identifier\":{\"value\":1}}]}",
        };
        AcmeProblem p = {};
        _cleanup_bytes_ Bytes b = { .data = malloc(ACME_PROBLEM_BODY_MAX + 1),
                                    .size = ACME_PROBLEM_BODY_MAX + 1 };

        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                check_int(acme_problem_parse(VIEW_STR(bad[i]), &p), -EBADMSG);
        check(b.data);
        memset(b.data, ' ', b.size);
        memcpy(b.data, "{}", 2);
        check_int(acme_problem_parse(bytes_view(&b), &p), -E2BIG);
        b.size = (size_t) sprintf((char *) b.data, "{\"detail\":\"%0*d\"}",
                                  (int) ACME_PROBLEM_DETAIL_MAX + 1, 0);
        check_int(acme_problem_parse(bytes_view(&b), &p), -E2BIG);
        check(!p.type);
}

int main(void) {
        test_text();
        test_is();
        test_bad();
        return EXIT_SUCCESS;
}
