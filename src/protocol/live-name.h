/* SPDX-License-Identifier: MIT */
#pragma once

/* May a certificate with this name be made now? Asked by an ACME server just before it signs, when the AK
 * certificate that proved the name may be older than what the inventory says by now. */
#include "protocol/device-record.h"

typedef enum LiveName {
        LIVE_NAME_GOOD,
        LIVE_NAME_UNKNOWN,    /* no entry has it: removed, renamed, never there */
        LIVE_NAME_DISABLED,
        LIVE_NAME_EXPIRED,
        LIVE_NAME_OTHER,      /* an entry has it in another case, or it is the hash of one that has names */
        _LIVE_NAME_MAX,
} LiveName;

/* device: what the inventory finds under that name, which it does without regard to case; NULL: nothing. Whoever
 * compares names later compares every byte, so every byte counts here. An entry without names has its hash for a
 * name, in lower case as in its AK certificates; one that may order any name has none of its own. */
LiveName live_name_verdict(const Device *device, const char *name, int64_t now);
const char *live_name_to_string(LiveName v); /* for people: "no entry of the inventory has this name" */
