/* SPDX-License-Identifier: MIT */
#pragma once

/* Devices, names and issued certificates as records of one file, so that one transaction covers them. Blocking
 * and in step: operations queues and groups what goes through here. */
#include "protocol/device-change.h"
#include "protocol/waiting-device.h"
#include "shared/store-records.h"

#define DEVICE_SEEN_SEC 300 /* how exact last_seen is: not every proof of a device that gets nothing is written */

/* What was decided about a device before. */
typedef struct DevicePast {
        uint8_t ek_hash[32];
        bool removed; /* it was in the inventory, and was removed */
        bool denied;  /* it is denied, or was so when it was removed */
} DevicePast;

int device_store_open(const char *path, DeviceStore **ret, bool *ret_healed); /* as record_store_open() */
DeviceStore *device_store_free(DeviceStore *s);
DEFINE_TRIVIAL_CLEANUP_FUNC(DeviceStore *, device_store_free);

uint64_t device_store_devices(const DeviceStore *s);
uint64_t device_store_issued(const DeviceStore *s);
IssuedStore *device_store_certificates(const DeviceStore *s); /* of the same transactions; never NULL */

int device_store_get(const DeviceStore *s, const uint8_t hash[static 32], Device *ret);     /* -ENOENT */
int device_store_lookup(DeviceStore *s, const char *name_or_hash, Device *ret);       /* -ENOENT */
/* The first device at place *next or after, looking at probes places at most; *next becomes the place to go on
 * from, 0 at the end. -EAGAIN: nothing among those. */
int device_store_walk(DeviceStore *s, uint64_t *next, size_t probes, Device *ret);

int device_store_begin(DeviceStore *s);
int device_store_commit(DeviceStore *s);
void device_store_cancel(DeviceStore *s);

/* Within a transaction. A domain answer leaves the transaction good and unchanged: -EEXIST, -ENOTUNIQ, -ENOENT,
 * -ESTALE, -ENXIO, -EINVAL, -ENOSPC, -EUSERS, -EDQUOT, -EMLINK, -EKEYREJECTED. Anything else is a failed store:
 * cancel. */
int device_store_enroll(DeviceStore *s, const Device *d);
int device_store_remove(DeviceStore *s, const uint8_t operation[static OPERATION_SIZE], const char *name_or_hash,
                        Device *ret);
int device_store_change(DeviceStore *s, const uint8_t operation[static OPERATION_SIZE], const char *name_or_hash,
                        const DeviceChange *change, Device *ret);
int device_store_replace(DeviceStore *s, const uint8_t operation[static OPERATION_SIZE], const char *name_or_hash,
                         const DeviceReplacement *by, Device *ret);
int device_store_seen(DeviceStore *s, const uint8_t hash[static 32], int64_t now);
/* As enroll, but 0 if it is there with the same settings, 1 if it is new; 'operation' does not count. */
int device_store_import(DeviceStore *s, const Device *d);
int device_store_record_issued(DeviceStore *s, const Issued *i, uint64_t device_version, LogHead *ret_head);
/* 1 it is new, 0 it waits already, -ESTALE it is in the inventory; no room: as of waiting_room(). */
int device_store_wait(DeviceStore *s, const WaitingDevice *d);
/* text: words or hash. d: what it becomes, with the time and the operation; its hash is found by text. -ENOENT,
 * -ENOTUNIQ, -EEXIST, -EMLINK: the words are those of several, -EKEYREJECTED: it has, or had when it was denied, no
 * trusted EK certificate, and d is not pinned. */
int device_store_approve(DeviceStore *s, const char *text, const Device *d, Device *ret);
int device_store_deny(DeviceStore *s, const uint8_t operation[static OPERATION_SIZE], const char *text, int64_t now,
                      Device *ret);
/* Of one that waits, by its words or hash, or any device by its hash; also outside a transaction. -ENOENT, -EMLINK. */
int device_store_past(const DeviceStore *s, const char *text, int64_t now, DevicePast *ret);
bool device_store_is_answer(int r); /* one of the domain answers, or success */

/* For those who add devices in other ways: a new device, whatever was there before: place, version and names. */
int device_store_add(DeviceStore *s, const Device *d);
/* Takes one away, with place and names, without a mark of it. */
int device_store_forget(DeviceStore *s, const Device *d);
/* -ENOTUNIQ: one of the names of d belongs to another device. */
int device_store_names_free(DeviceStore *s, const Device *d);
