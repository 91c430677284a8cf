/* SPDX-License-Identifier: MIT */
#pragma once

/* The a{sv} that ends the arguments of every method of dev.attezt.Server1. */
#include <systemd/sd-bus.h>

#include "protocol/device-change.h"

typedef enum BusOption {
        BUS_OPTION_ANY_NAME = 1 << 0,
        BUS_OPTION_PINNED = 1 << 1,
        BUS_OPTION_AK_LIFETIME = 1 << 2,
        BUS_OPTION_NOTE = 1 << 3,
        BUS_OPTION_OPERATION = 1 << 4,
        BUS_OPTION_EXPIRES = 1 << 5,
        BUS_OPTION_DISABLED = 1 << 6,
        BUS_OPTION_NAMES = 1 << 7,
        BUS_OPTION_ADD_NAMES = 1 << 8,
        BUS_OPTION_REMOVE_NAMES = 1 << 9,
        BUS_OPTION_VERSION = 1 << 10,
        BUS_OPTION_DRY_RUN = 1 << 11,
        BUS_OPTION_ALLOW_PINNED = 1 << 12,
        BUS_OPTION_ALLOW_ANY_NAME = 1 << 13,
        BUS_OPTION_ALLOW_LONG_LIFETIME = 1 << 14,
        BUS_OPTION_REASON = 1 << 15,
        BUS_OPTION_ROOT_KEY = 1 << 16,
        BUS_OPTION_FORCE = 1 << 17,
        BUS_OPTION_UNTRUSTED = 1 << 18,
        BUS_OPTION_KEPT = 1 << 19,
        BUS_OPTION_VENDOR = 1 << 20,
        BUS_OPTION_ANCHOR = 1 << 21,
        BUS_OPTION_SOURCE = 1 << 22,
        BUS_OPTION_CERTIFICATE = 1 << 23,
} BusOption;

typedef struct BusOptions {
        unsigned given;                    /* of BusOption */
        int any_name, pinned, disabled;
        int dry_run, allow_pinned, allow_any_name, allow_long_lifetime;
        uint64_t ak_lifetime, expires, version;
        const char *note, *reason;         /* borrowed from the message; or NULL */
        DeviceNames names, add_names, remove_names;
        uint8_t operation[OPERATION_SIZE]; /* drawn when the caller gave none */
        int anchor, force, untrusted;
        int root_key, kept;                /* descriptors, borrowed likewise; or -EBADF */
        const char *vendor, *source;       /* borrowed likewise */
        const void *certificate;
        size_t certificate_size;
} BusOptions;

/* allowed: of BusOption; others are refused. */
int bus_read_options(sd_bus_message *m, unsigned allowed, BusOptions *ret, sd_bus_error *error);
/* Numbers and texts within their limits; any-name not beside names. */
int bus_check_options(const BusOptions *o, sd_bus_error *error);
/* Names and options of an entry that is made: the last two arguments of Enroll and of Approve. Sets all but whose it
 * is. */
int bus_read_new_device(sd_bus_message *m, unsigned allowed, Device *d, sd_bus_error *error);
/* A device, by hash or name, and options. What can be neither is not found. */
int bus_read_device(sd_bus_message *m, unsigned allowed, const char **ret_device, BusOptions *ret, sd_bus_error *error);
