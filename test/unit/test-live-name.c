/* SPDX-License-Identifier: MIT */
#include "protocol/live-name.h"

#include "test.h"

#define HASH "ab01000000000000000000000000000000000000000000000000000000000000"
#define UPPER "AB01000000000000000000000000000000000000000000000000000000000000"

static void test_names(void) {
        Device d = { .ek_hash = { 0xab, 1 }, .n_names = 2, .names = { "framework", "Laptop-7" } };

        check_int(live_name_verdict(&d, "framework", 100), LIVE_NAME_GOOD);
        check_int(live_name_verdict(&d, "Laptop-7", 100), LIVE_NAME_GOOD);
        /* The inventory finds these, too. */
        check_int(live_name_verdict(&d, "FRAMEWORK", 100), LIVE_NAME_OTHER);
        check_int(live_name_verdict(&d, "laptop-7", 100), LIVE_NAME_OTHER);
        check_int(live_name_verdict(&d, HASH, 100), LIVE_NAME_OTHER);
        check_int(live_name_verdict(&d, "*.framework", 100), LIVE_NAME_OTHER);
        check_int(live_name_verdict(NULL, "framework", 100), LIVE_NAME_UNKNOWN);
        strcpy(d.names[2], "taken-away");
        check_int(live_name_verdict(&d, "taken-away", 100), LIVE_NAME_OTHER);
        d.expires = 101;
        check_int(live_name_verdict(&d, "framework", 100), LIVE_NAME_GOOD);
        check_int(live_name_verdict(&d, "framework", 101), LIVE_NAME_EXPIRED);
        d.disabled = true;
        check_int(live_name_verdict(&d, "framework", 100), LIVE_NAME_DISABLED);
        check_int(live_name_verdict(&d, "Framework", 100), LIVE_NAME_OTHER);
}

static void test_hashes(void) {
        Device d = { .ek_hash = { 0xab, 1 } };

        check_int(live_name_verdict(&d, HASH, 100), LIVE_NAME_GOOD);
        check_int(live_name_verdict(&d, UPPER, 100), LIVE_NAME_OTHER);
        d.any_name = true; /* has no name of its own */
        check_int(live_name_verdict(&d, HASH, 100), LIVE_NAME_OTHER);
}

static void test_texts(void) {
        for (LiveName v = LIVE_NAME_GOOD; v < _LIVE_NAME_MAX; v++)
                check(live_name_to_string(v)[0]);
        check_str(live_name_to_string(_LIVE_NAME_MAX), "unknown verdict");
}

int main(void) {
        test_names();
        test_hashes();
        test_texts();
        return EXIT_SUCCESS;
}
