/* SPDX-License-Identifier: MIT */
#pragma once

/* Which AK each device was last certified for: a table of fixed size, one record for an EK. Only who got a certificate
 * is in it, so that strangers cannot fill it; beyond its size the oldest record near the new one's place goes. */
#include "shared/bytes.h"

#define LAST_CERTIFIED_MAX (1U << 17) /* devices */
#define LAST_CERTIFIED_ID_SIZE 16U    /* bytes that are compared */

typedef struct LastCertified LastCertified;

int last_certified_new(size_t max, LastCertified **ret); /* max: rounded up to a power of two */
LastCertified *last_certified_free(LastCertified *t);
DEFINE_TRIVIAL_CLEANUP_FUNC(LastCertified *, last_certified_free)

/* id: stands for the AK, or for AK and EK. In place of what was there for the EK. */
void last_certified_put(LastCertified *t, const uint8_t ek_hash[static 32], const uint8_t id[static LAST_CERTIFIED_ID_SIZE]);
/* The same for what is older than all that was put: only into a free place. False: there was none, or the EK had one. */
bool last_certified_recall(LastCertified *t, const uint8_t ek_hash[static 32],
                           const uint8_t id[static LAST_CERTIFIED_ID_SIZE]);
bool last_certified_is(const LastCertified *t, const uint8_t ek_hash[static 32],
                       const uint8_t id[static LAST_CERTIFIED_ID_SIZE]);
