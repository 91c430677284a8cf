/* SPDX-License-Identifier: MIT */
#include "protocol/retry-after.h"
#include "protocol/utc-time.h"
#include "test.h"

static void test_rfc3339(void) {
        static const struct {
                int64_t t;
                const char *text;
        } rows[] = {
                { 0, "1970-01-01T00:00:00Z" },
                { 951782399, "2000-02-28T23:59:59Z" },
                { 951782400, "2000-02-29T00:00:00Z" },
                { 1774128243, "2026-03-21T21:24:03Z" },
                { 1735689599, "2024-12-31T23:59:59Z" },
                { 4107542400, "2100-03-01T00:00:00Z" },
                { 253402300799, "9999-12-31T23:59:59Z" },
        };
        char text[RFC3339_SIZE];

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                check_int(rfc3339_format(rows[i].t, text), 0);
                check_str(text, rows[i].text);
        }
        check_int(rfc3339_format(-1, text), -ERANGE);
        check_int(rfc3339_format(253402300800, text), -ERANGE);
}

static void test_rfc3339_parse(void) {
        static const char *const bad[] = {
                "", "2026-02-29", "2026-13-01", "2026-00-01", "2026-01-00", "1969-12-31", "2026-1-1", "2026-01-01T00:00:00",
                "2026-01-01T24:00:00Z", "2026-01-01 00:00:00Z", "2026-01-01T00:60:00Z", "x026-01-01", "2026-01-01T00:00:00+",
        };
        int64_t t = 7;

        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                check_int(rfc3339_parse(bad[i], &t), -EBADMSG);
        check_int(t, 7);
        check_int(rfc3339_parse("2026-03-21T21:24:03Z", &t), 0);
        check_int(t, 1774128243);
        check_int(rfc3339_parse("2100-03-01", &t), 0);
        check_int(t, 4107542400);
        check_int(rfc3339_parse("9999-12-31T23:59:59Z", &t), 0);
        check_int(t, 253402300799);
}

static void test_http_date(void) {
        static const char *const bad[] = {
                "",
                "Sun, 06 Nov 1994 08:49:37",
                "Sunday, 06-Nov-94 08:49:37 GMT",
                "Sun Nov  6 08:49:37 1994",
                "Sun, 06 nov 1994 08:49:37 GMT",
                "Sun, 6 Nov 1994 08:49:37 GMT ",
                "Sun, 31 Feb 1994 08:49:37 GMT",
                "Sun, 29 Feb 1994 08:49:37 GMT",
                "Sun, 00 Nov 1994 08:49:37 GMT",
                "Sun, 06 Nov 1969 08:49:37 GMT",
                "Sun, 06 Nov 1994 24:49:37 GMT",
                "Sun, 06 Nov 1994 08:60:37 GMT",
                "Sun, 06 Nov 1994 08:49:61 GMT",
                "Xyz, 06 Nov 1994 08:49:37 GMT",
                "Sun, 06 Nov 1994 08:49:37 UTC",
                "Sun, +6 Nov 1994 08:49:37 GMT",
                "Sun, 06 ovD 1994 08:49:37 GMT",
        };
        int64_t t = -1;

        check_int(http_date_parse("Sun, 06 Nov 1994 08:49:37 GMT", &t), 0);
        check_int(t, 784111777);
        check_int(http_date_parse("Tue, 29 Feb 2000 00:00:00 GMT", &t), 0);
        check_int(t, 951782400);
        check_int(http_date_parse("Fri, 31 Dec 9999 23:59:59 GMT", &t), 0);
        check_int(t, 253402300799);
        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                check_int(http_date_parse(bad[i], &t), -EBADMSG);
}

static void test_retry_after(void) {
        static const char *const bad[] = { "", " 5", "5 ", "-5", "+5", "5s", "1.5", "soon" };
        int64_t wait = -1;

        check_int(retry_after_parse("0", 0, &wait), 0);
        check_int(wait, 0);
        check_int(retry_after_parse("120", 0, &wait), 0);
        check_int(wait, 120);
        check_int(retry_after_parse("99999999999999999999999999", 0, &wait), 0);
        check_int(wait, RETRY_AFTER_MAX);
        check_int(retry_after_parse("Sun, 06 Nov 1994 08:49:37 GMT", 784111770, &wait), 0);
        check_int(wait, 7);
        check_int(retry_after_parse("Sun, 06 Nov 1994 08:49:37 GMT", 784111778, &wait), 0);
        check_int(wait, 0);
        check_int(retry_after_parse("Fri, 31 Dec 9999 23:59:59 GMT", 784111778, &wait), 0);
        check_int(wait, RETRY_AFTER_MAX);
        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                check_int(retry_after_parse(bad[i], 0, &wait), -EBADMSG);
}

int main(void) {
        test_rfc3339();
        test_rfc3339_parse();
        test_http_date();
        test_retry_after();
        return EXIT_SUCCESS;
}
