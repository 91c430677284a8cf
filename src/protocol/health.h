/* SPDX-License-Identifier: MIT */
#pragma once

/* Verdicts on what was found: is it good, now? */
#include "shared/bytes.h"

#define HEALTH_FILE_MAX (4ULL << 30) /* bytes of the inventory's file: TDB counts in 32 bits */

typedef enum DatesVerdict {
        DATES_GOOD,
        DATES_ENDING,  /* good, but near its end */
        DATES_NOT_YET,
        DATES_EXPIRED,
} DatesVerdict;

/* Seconds since the epoch. ending: this long before not_after it is near. */
DatesVerdict health_dates(int64_t not_before, int64_t not_after, int64_t ending, int64_t now);

/* What is left of a short-lived certificate that should have been renewed long ago: a sixth of its life. */
int64_t health_overdue(int64_t not_before, int64_t not_after);

/* A clock that differs by more than this from a server's is wrong: certificates are made valid from a minute ago. */
#define HEALTH_CLOCK_SECONDS 60

typedef enum ClockVerdict {
        CLOCK_GOOD,
        CLOCK_BEHIND,
        CLOCK_AHEAD,
} ClockVerdict;

ClockVerdict health_clock(int64_t ours, int64_t theirs);

/* A file that may not grow beyond max bytes: three quarters of them are used. */
bool health_nearly_full(uint64_t bytes, uint64_t max);
