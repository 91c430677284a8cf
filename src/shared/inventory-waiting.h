/* SPDX-License-Identifier: MIT */
#pragma once

/* Devices that have proved their EK and wait for a person's word. As inventory.h: answers come later, from the loop, when
 * a change is durable. A device that was denied stays in the inventory, disabled and marked, so that it does not come
 * back; who removes it there lets it ask again. */
#include "shared/inventory.h"
#include "shared/waiting-store.h"

typedef void (*InventoryWaiting)(int error, const WaitingDevice *devices, size_t n, unsigned next, void *userdata);
typedef void (*InventoryWaits)(int result, void *userdata);

/* In place of WAITING_LIMITS_DEFAULT. */
void inventory_limit_waiting(Inventory *inv, WaitingLimits limits);
/* result: 1 it is new, 0 it waits already; -ESTALE it is in the inventory meanwhile; too many wait: -ENOSPC at all,
 * -EUSERS of those without a trusted EK certificate, -EDQUOT of those from its source. */
int inventory_wait(Inventory *inv, const WaitingDevice *device, InventoryWaits done, void *userdata);
/* From slot cursor on (0: the start), max ≤ INVENTORY_PAGE_MAX; next is 0 at the end. now: those that have expired are
 * left out. */
int inventory_list_waiting(Inventory *inv, unsigned cursor, size_t max, int64_t now, InventoryWaiting done,
                           void *userdata);
/* text: all six words of one that waits, or the hash of one that waits or was denied. device: names, settings, created
 * and operation. -ENOENT; -ENOTUNIQ a name is another device's; -EMLINK the words are those of several devices;
 * -EKEYREJECTED no trusted issuer stands behind its EK certificate, or stood when it was denied, and device is not
 * pinned. */
int inventory_approve(Inventory *inv, const char *text, const Device *device, InventoryDevice done, void *userdata);
int inventory_deny(Inventory *inv, const uint8_t operation[static OPERATION_SIZE], const char *text, int64_t now,
                   InventoryDevice done, void *userdata);
/* result: how many of those that wait were forgotten; they may ask again. */
int inventory_clear_waiting(Inventory *inv, const WaitingFilter *filter, int64_t now, InventoryWaits done,
                            void *userdata);
/* At once, as of device_store_past(). */
int inventory_past(const Inventory *inv, const char *text, int64_t now, DevicePast *ret);
/* From memory, at once: how many wait. */
size_t inventory_n_waiting(const Inventory *inv, int64_t now);
