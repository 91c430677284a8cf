/* SPDX-License-Identifier: MIT */
#include "protocol/health.h"
#include "test.h"

int main(void) {
        check_int(health_dates(100, 200, 10, 99), DATES_NOT_YET);
        check_int(health_dates(100, 200, 10, 100), DATES_GOOD);
        check_int(health_dates(100, 200, 10, 190), DATES_GOOD);
        check_int(health_dates(100, 200, 10, 191), DATES_ENDING);
        check_int(health_dates(100, 200, 10, 200), DATES_ENDING);
        check_int(health_dates(100, 200, 10, 201), DATES_EXPIRED);
        /* Nonsense is not good. */
        check_int(health_dates(200, 100, 0, 150), DATES_EXPIRED);

        check_int(health_overdue(0, 86400), 14400);
        check_int(health_overdue(200, 100), 0);

        check_int(health_clock(1000, 1000 + HEALTH_CLOCK_SECONDS), CLOCK_GOOD);
        check_int(health_clock(1000, 1001 + HEALTH_CLOCK_SECONDS), CLOCK_BEHIND);
        check_int(health_clock(1000 + HEALTH_CLOCK_SECONDS, 1000), CLOCK_GOOD);
        check_int(health_clock(1001 + HEALTH_CLOCK_SECONDS, 1000), CLOCK_AHEAD);

        check(!health_nearly_full(74, 100));
        check(health_nearly_full(75, 100));
        check(health_nearly_full(200, 100));
        check(!health_nearly_full(3ULL << 30, 5ULL << 30));
        return 0;
}
