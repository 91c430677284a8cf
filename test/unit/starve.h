/* SPDX-License-Identifier: MIT */
#pragma once

/* Whatever allocation fails, no verdict gets better for it, and once there is memory again it is what it was. */
#include "no-memory.h"
#include "test.h"

/* The answer that nobody may get who does not get it with memory. */
typedef bool (*Accepts)(const void *what);

static inline void starve(Accepts accepts, const void *what) {
        bool expected = accepts(what), failed = true;

        for (uint64_t n = 1; failed; n++) {
                no_memory_begin(NO_MEMORY_ONCE, false, n);
                bool accepted = accepts(what);
                failed = no_memory_end() >= n;
                if (accepted && !expected) {
                        fprintf(stderr, "accepted without allocation %" PRIu64 "\n", n);
                        abort();
                }
        }
        check_int(accepts(what), expected);
}
