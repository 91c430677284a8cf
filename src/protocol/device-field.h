/* SPDX-License-Identifier: MIT */
#pragma once

/* One field of a device in a file (see device-table.h), as text. */
#include "protocol/device-record.h"

typedef enum DeviceField {
        FIELD_IGNORED = 0,
        FIELD_HASH,
        FIELD_CERTIFICATE,
        FIELD_PUBLIC_KEY,
        FIELD_NAMES,
        FIELD_NOTE,
        FIELD_ANY_NAME,
        FIELD_PINNED,
        FIELD_DISABLED,
        FIELD_AK_LIFETIME,
        FIELD_EXPIRES,
        _FIELD_MAX,
} DeviceField;

/* What was read of a device so far. */
typedef struct DeviceFields {
        Device device;
        bool has_hash;
} DeviceFields;

/* By the name of a column or member, in any case; -ENOENT. */
int device_field_from_name(const char *name, DeviceField *ret);
/* Puts value into *f; empty is as if it was not there. NULL, or what is wrong: for a person, constant. */
const char *device_field_set(DeviceFields *f, DeviceField field, const char *value);
/* One more name. */
const char *device_field_add_name(DeviceFields *f, const char *name);
/* When all fields are in. */
const char *device_fields_check(const DeviceFields *f);
