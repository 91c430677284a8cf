/* SPDX-License-Identifier: MIT */
#pragma once

/* Devices that wait for approval, as records in as many slots as there may be devices: what is new never takes the place
 * of what waits. Within a transaction, but for reading. */
#include "protocol/waiting-room.h"
#include "shared/store-records.h"

#define WAITING_MAX_DEFAULT 1024U
#define WAITING_LIFETIME_DEFAULT (7LL * 86400)
#define WAITING_LIFETIME_MIN 3600
#define WAITING_LIFETIME_MAX (365LL * 86400)
#define WAITING_FRESH_SEC 600 /* how exact the lifetime is: not every proof is written */

#define WAITING_LIMITS_DEFAULT (WaitingLimits) { .max = WAITING_MAX_DEFAULT, .lifetime = WAITING_LIFETIME_DEFAULT }

int waiting_load(DeviceStore *s); /* after opening, and after a transaction that was given up; -EUCLEAN */
size_t waiting_count(const DeviceStore *s, int64_t now);

/* 1 it is new, 0 it waits already; no room: as of waiting_room(). Time, evidence and address become the latest; but the
 * address stays where the other one's source has all devices without a trusted EK certificate that it may have. */
int waiting_add(DeviceStore *s, const WaitingDevice *d);
/* 1 it waited, 0 it did not. */
int waiting_forget(DeviceStore *s, const uint8_t hash[static 32]);
/* Forgets those that wait at now and that f has; how many. */
int waiting_clear(DeviceStore *s, const WaitingFilter *f, int64_t now);

/* text: a hash, or all its words. -ENOENT; -EMLINK: several have these words. */
int waiting_find(DeviceStore *s, const char *text, int64_t now, WaitingDevice *ret);
/* The hash alone, from memory. */
int waiting_find_hash(const DeviceStore *s, const char *text, int64_t now, uint8_t ret[static 32]);
/* The first one in slot *next or behind it; *next becomes the slot behind. -ENOENT: that was all. */
int waiting_walk(DeviceStore *s, unsigned *next, int64_t now, WaitingDevice *ret);
