/* SPDX-License-Identifier: MIT */
#include "protocol/openmetrics.h"

#include "test.h"

static void test_text(void) {
        static const char expected[] =
                "# TYPE attezt_things counter\n"
                "# HELP attezt_things What there was.\n"
                "attezt_things_total{kind=\"a\"} 0\n"
                "attezt_things_total{kind=\"b \\\"c\\\\\\n\"} 18446744073709551615\n"
                "# TYPE attezt_end_seconds gauge\n"
                "# HELP attezt_end_seconds When.\n"
                "attezt_end_seconds -9223372036854775808\n"
                "# EOF\n";
        uint8_t buffer[OPENMETRICS_MAX];
        Metrics m = { .w = WRITER(buffer, sizeof(buffer)) };

        metrics_counter(&m, "attezt_things", "What there was.");
        metrics_count(&m, "attezt_things", "kind", "a", 0);
        metrics_count(&m, "attezt_things", "kind", "b \"c\\\n", UINT64_MAX);
        metrics_one_value(&m, "attezt_end_seconds", "When.", INT64_MIN);
        metrics_end(&m);
        check(!m.w.failed);
        check(view_equal(writer_view(&m.w), VIEW_STR(expected)));
}

static void test_full(void) {
        uint8_t buffer[40];
        Metrics m = { .w = WRITER(buffer, sizeof(buffer)) };

        metrics_one_count(&m, "attezt_things", "What there was.", 1);
        check(m.w.failed);
}

int main(void) {
        test_text();
        test_full();
        return EXIT_SUCCESS;
}
