/* SPDX-License-Identifier: MIT */
#pragma once

/* What every fuzz target includes. */
#include <stdint.h>
#include <stdlib.h>

#include "../unit/no-memory.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Without no-memory.c, as in a libFuzzer program, there is always memory. */
#pragma weak no_memory_happened

/* For what may not be unless memory was missing: what was read cannot be written again, say. What may never be calls
 * abort(). */
static inline int fuzz_broken(void) {
        if (!no_memory_happened || !no_memory_happened())
                abort();
        return 0;
}
