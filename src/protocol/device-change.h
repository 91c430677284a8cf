/* SPDX-License-Identifier: MIT */
#pragma once

/* What an operator changes of an entry, and what becomes of the entry. Nothing of it is the store's business: who
 * has which name, and whether it is on disk, is. */
#include "protocol/device-record.h"

#define DEVICE_LIFETIME_LONG (30LL * 86400) /* seconds; AK certificates beyond it want to be asked for by name */

typedef enum DeviceChangeField {
        DEVICE_CHANGE_NAMES = 1 << 0,    /* all of them */
        DEVICE_CHANGE_ANY_NAME = 1 << 1,
        DEVICE_CHANGE_PINNED = 1 << 2,
        DEVICE_CHANGE_DISABLED = 1 << 3,
        DEVICE_CHANGE_AK_LIFETIME = 1 << 4,
        DEVICE_CHANGE_NOTE = 1 << 5,
        DEVICE_CHANGE_EXPIRES = 1 << 6,
} DeviceChangeField;

typedef struct DeviceNames {
        unsigned n;
        char list[DEVICE_NAMES_MAX][DEVICE_NAME_MAX + 1];
} DeviceNames;

typedef struct DeviceChange {
        unsigned fields;         /* of DeviceChangeField: which of these count */
        DeviceNames names;       /* with DEVICE_CHANGE_NAMES */
        DeviceNames add, remove; /* after that; empty: nothing */
        bool any_name, pinned, disabled;
        int64_t ak_lifetime, expires;
        char note[DEVICE_NOTE_MAX + 1];
        uint64_t version;        /* the caller saw this one; 0: whichever */
        int64_t now;             /* seconds since the epoch: for what the device holds then */
} DeviceChange;

/* Makes *d what it becomes, but for version and operation. Adding a name that it has is no change; names end
 * any_name, unless that is set as well. -ESTALE it is of another version, -ENXIO it has no such name to take away,
 * -EINVAL it would not pass device_check(). */
int device_change_apply(const DeviceChange *c, Device *d);

/* Both entries of a device whose board was changed: of the new EK, and of the old one. Names and settings move; pinned
 * does not, since it is about the old EK. */
typedef struct DeviceReplacement {
        uint8_t ek_hash[32]; /* of the new board */
        bool pinned;         /* the new one */
        int64_t now;         /* seconds since the epoch */
} DeviceReplacement;

void device_replace(const DeviceReplacement *by, Device *old, Device *ret_new);

/* Of the same names (in any case, in any order) and settings: adding it again would change nothing. */
bool device_same_settings(const Device *a, const Device *b);
