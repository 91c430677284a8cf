/* SPDX-License-Identifier: MIT */
#include "protocol/told-record.h"

#include "test.h"

static void test_tries(void) {
        _cleanup_told_ Told t = {}, again = {};
        _cleanup_bytes_ Bytes text = BYTES_NULL;

        check_int(told_new(&t), 0);
        t.tries = 2;
        check_int(told_add(&t, "ReloadUnits=", false), 0);
        check_int(told_add(&t, "10-mail", true), 0);
        check_int(told_add(&t, "20-web", true), 0);
        check_int(told_format(&t, &text), 0);
        check_int(told_parse(bytes_view(&text), &again), 0);
        check_int(again.tries, 2);
        check(told_has_done(&again, "ReloadUnits=") && !told_has_done(&again, "10-mail"));
        check_int(told_failures(&again), 2);
        check_str(told_failure(&again, 1), "20-web");
        check(!told_failure(&again, 2));
        check_int(told_next_try(&again), 0);
        check_int(told_failures(&again), 0);
        check(told_has_done(&again, "ReloadUnits="));
}

static void test_bad_text(void) {
        static const char *const bad[] = {
                "", "[]", "{}", "{\"tries\":1,\"failed\":[]}", "{\"tries\":1,\"done\":[]}", "{\"failed\":[],\"done\":[]}",
                "{\"tries\":-1,\"failed\":[],\"done\":[]}", "{\"tries\":1,\"failed\":[1],\"done\":[]}",
                "{\"tries\":1,\"failed\":\"x\",\"done\":[]}", "{\"tries\":1,\"failed\":[[]],\"done\":[]}",
        };
        Told t = { .tries = 7 };

        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                check_int(told_parse(VIEW_STR(bad[i]), &t), -EBADMSG);
        check_int(t.tries, 7);
}

int main(void) {
        test_tries();
        test_bad_text();
        return EXIT_SUCCESS;
}
