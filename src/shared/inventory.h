/* SPDX-License-Identifier: MIT */
#pragma once

/* The inventory: devices, their names, and what was issued to them. It speaks of those only, so that another
 * store can stand behind the same functions. Every call answers through its completion, later, from the loop,
 * never from inside the call; a change is answered when it is durable. Changes that come close together share
 * one transaction; if that fails, all of them do. A call that returns an error (negative
 * errno: out of memory, too many open) does not call its completion. */
#include "shared/operations.h"

#define INVENTORY_PAGE_MAX 256U           /* devices in one answer */

typedef struct Inventory {
        Operations *queue;
} Inventory;

typedef struct InventoryCounts {
        uint64_t devices, issued;
        uint64_t held;           /* of those that were issued, not dropped since */
        int64_t dropped_until;   /* those that ended before may be gone; 0: all are there */
} InventoryCounts;

typedef void (*InventoryChanged)(int error, void *userdata);
typedef void (*InventoryDevice)(int error, const Device *device, void *userdata);
/* A device, and what became of the certificates of ek_hash: how many were revoked by this, when the last of those ends
 * that are valid (0: none is), and the last of all (0: it never had one). device is NULL when a single certificate was
 * meant. */
typedef struct InventoryEnd {
        const Device *device;
        uint8_t ek_hash[32];
        unsigned revoked;
        int64_t until, last;
} InventoryEnd;
typedef void (*InventoryEnded)(int error, const InventoryEnd *end, void *userdata);
typedef void (*InventoryPage)(int error, const Device *devices, size_t n, const char *next, void *userdata);

/* path: of the file, made (0600) if missing. Checks it before the first write; damage that leaves the records
 * readable is healed by copying into a new file (said in *ret_healed). -EUCLEAN when records are broken,
 * -EBUSY when another process has it open. */
int inventory_open(const char *path, sd_event *event, Inventory **ret, bool *ret_healed);
Inventory *inventory_free(Inventory *inv); /* commits what is open, answers it, answers nothing after */
DEFINE_TRIVIAL_CLEANUP_FUNC(Inventory *, inventory_free);

/* device: a name (any case) or an EK hash. -ENOENT. */
int inventory_lookup(Inventory *inv, const char *device, InventoryDevice done, void *userdata);
/* Devices in the order of their enrolment, from cursor ("": the start) on, max ≤ INVENTORY_PAGE_MAX; next is "" at the end. */
int inventory_list(Inventory *inv, const char *cursor, size_t max, InventoryPage done, void *userdata);
/* Adds a new device: -EEXIST the hash is there, -ENOTUNIQ one of its names belongs to another, -EINVAL. */
int inventory_enroll(Inventory *inv, const uint8_t operation[static OPERATION_SIZE], const Device *device,
                     InventoryChanged done, void *userdata);
/* device: a name or a hash. -ENOENT. A repetition is recognized by the hash. */
int inventory_remove(Inventory *inv, const uint8_t operation[static OPERATION_SIZE], const char *device,
                     InventoryDevice done, void *userdata); /* gives what was removed */
/* Changes what an operator set: gives what came of it, and what the device holds. -ENOENT, -ESTALE it is not of the version that change
 * expects, -ENXIO it has no such name to take away, -ENOTUNIQ, -EINVAL. */
int inventory_change(Inventory *inv, const uint8_t operation[static OPERATION_SIZE], const char *device,
                     const DeviceChange *change, InventoryEnded done, void *userdata);
/* A device's board was changed: a new entry takes over names and settings, the old one stays, disabled and without
 * names. Gives the new one, and what the old one holds. -ENOENT, -EEXIST the new hash is there already. */
int inventory_replace(Inventory *inv, const uint8_t operation[static OPERATION_SIZE], const char *device,
                      const DeviceReplacement *by, InventoryEnded done, void *userdata);
/* It has proved its EK, and got nothing. Answers nobody. Written at most once in DEVICE_SEEN_SEC. */
int inventory_seen(Inventory *inv, const uint8_t hash[static 32], int64_t now);
/* From memory, at once. */
InventoryCounts inventory_counts(const Inventory *inv);
int inventory_file_size(const Inventory *inv, uint64_t *ret); /* bytes */
