/* SPDX-License-Identifier: MIT */
#pragma once

/* Devices, names and issued certificates as records of one file, so that one transaction covers them. Blocking
 * and in step: inventory queues and groups what goes through here.
 *
 *   d HASH     device              n NAME     hash of the device that has this name (folded)
 *   r HASH     removed device      s NUMBER   hash of the device at this place of the listing
 *   i SERIAL   issued certificate  m          counts and the next number
 */
#include "protocol/device-record.h"

typedef struct DeviceStore DeviceStore;

int device_store_open(const char *path, DeviceStore **ret, bool *ret_healed); /* as record_store_open() */
DeviceStore *device_store_free(DeviceStore *s);
DEFINE_TRIVIAL_CLEANUP_FUNC(DeviceStore *, device_store_free);

uint64_t device_store_devices(const DeviceStore *s);
uint64_t device_store_issued(const DeviceStore *s);

int device_store_get(DeviceStore *s, const uint8_t hash[static 32], Device *ret);     /* -ENOENT */
int device_store_lookup(DeviceStore *s, const char *name_or_hash, Device *ret);       /* -ENOENT */
/* The first device at place *next or after, looking at probes places at most; *next becomes the place to go on
 * from, 0 at the end. -EAGAIN: nothing among those. */
int device_store_walk(DeviceStore *s, uint64_t *next, size_t probes, Device *ret);

int device_store_begin(DeviceStore *s);
int device_store_commit(DeviceStore *s);
void device_store_cancel(DeviceStore *s);

/* Within a transaction. A domain answer leaves the transaction good and unchanged: -EEXIST, -ENOTUNIQ, -ENOENT,
 * -ESTALE, -EINVAL. Anything else is a failed store: cancel. */
int device_store_enroll(DeviceStore *s, const Device *d);
int device_store_remove(DeviceStore *s, const uint8_t operation[static OPERATION_SIZE], const char *name_or_hash,
                        Device *ret);
int device_store_record_issued(DeviceStore *s, const Issued *i, uint64_t device_version);
bool device_store_is_answer(int r); /* one of the domain answers, or success */
