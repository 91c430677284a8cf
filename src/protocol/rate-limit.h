/* SPDX-License-Identifier: MIT */
#pragma once

/* So many events in a time, for each of many ids: a table of fixed size. An id that was quiet for that time may do
 * all at once again (GCRA). Times are microseconds of any clock that does not go back.
 *
 * When the places that an id could have are taken, whoever owes least makes room, be it the newcomer: so an id gets rid
 * of its own record only after others have run up more than it owes, which costs whoever does that more than it saves.
 * Places are chosen by a keyed hash. */
#include "shared/bytes.h"

#define RATE_BURST_MAX 1000000U
#define RATE_PERIOD_SECONDS_MAX (7 * 86400) /* a week */
#define RATE_WAYS 16U                       /* places that an id could have */

typedef struct Rate {
        uint32_t burst;  /* events; 0: no limit */
        uint64_t period; /* in which so many may come */
} Rate;

/* "30/1min", or "no". -EINVAL, -ERANGE. */
int rate_parse(const char *value, Rate *ret);

typedef struct RateLimit RateLimit;

/* key: random. max: records kept, rounded up. -EINVAL, -ENOMEM. */
int rate_limit_new(const uint8_t key[static 32], size_t max, const Rate *rate, RateLimit **ret);
RateLimit *rate_limit_free(RateLimit *l);
DEFINE_TRIVIAL_CLEANUP_FUNC(RateLimit *, rate_limit_free)

/* How long until one more event of id is within the rate; 0: now. */
uint64_t rate_limit_wait(const RateLimit *l, ByteView id, uint64_t now);
/* An event; what is beyond the rate does not pile up. */
void rate_limit_charge(RateLimit *l, ByteView id, uint64_t now);
/* Takes one back. */
void rate_limit_refund(RateLimit *l, ByteView id, uint64_t now);
/* Are there events that time has not outweighed yet? */
bool rate_limit_owes(const RateLimit *l, ByteView id, uint64_t now);
/* Was there an event, however long ago, as far as the table remembers? */
bool rate_limit_knows(const RateLimit *l, ByteView id);
