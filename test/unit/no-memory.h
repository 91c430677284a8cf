/* SPDX-License-Identifier: MIT */
#pragma once

/* Allocations that fail, when a test asks for it: those of our own code and those of the libraries behind it, with and
 * without address sanitizer. A program that links no-memory.c has its malloc() and so on in the place of the C
 * library's. Not for threads. */
#include <stdbool.h>
#include <stdint.h>

typedef enum NoMemory {
        NO_MEMORY_ONCE, /* the nth allocation fails, and no other: is what follows undone? */
        NO_MEMORY_LEFT, /* the nth and each one after it: does the way out need memory? */
} NoMemory;

/* From here on; allocations count from 1, and 0 only counts. ours: of our own code alone. */
void no_memory_begin(NoMemory how, bool ours, uint64_t nth);
/* There is memory again. How many allocations there were; none has failed if it is less than nth. */
uint64_t no_memory_end(void);
/* Whether one has failed since the last beginning, ended or not. */
bool no_memory_happened(void);
