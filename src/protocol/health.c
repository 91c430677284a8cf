/* SPDX-License-Identifier: MIT */
#include "protocol/health.h"

#define OVERDUE_PART 6

DatesVerdict health_dates(int64_t not_before, int64_t not_after, int64_t ending, int64_t now) {
        if (now > not_after)
                return DATES_EXPIRED;
        if (now < not_before)
                return DATES_NOT_YET;
        return not_after - now < ending ? DATES_ENDING : DATES_GOOD;
}

int64_t health_overdue(int64_t not_before, int64_t not_after) {
        return not_after > not_before ? (not_after - not_before) / OVERDUE_PART : 0;
}

ClockVerdict health_clock(int64_t ours, int64_t theirs) {
        if (ours + HEALTH_CLOCK_SECONDS < theirs)
                return CLOCK_BEHIND;
        return ours > theirs + HEALTH_CLOCK_SECONDS ? CLOCK_AHEAD : CLOCK_GOOD;
}

bool health_nearly_full(uint64_t bytes, uint64_t max) {
        return bytes >= max - max / 4;
}
