/* SPDX-License-Identifier: MIT */
#pragma once

/* Dropping certificates that ended long ago. Same rules as in inventory.h. */
#include "shared/inventory.h"

/* next: where to go on, 0 at the end. */
typedef void (*InventoryDropped)(int error, uint64_t next, unsigned dropped, void *userdata);
/* A few of those that ended before that moment, from a place of the listing on (0: the first); what was signed stays in
 * the record. What a device holds, and the last one that each device in the inventory had, stays. */
int inventory_drop_ended(Inventory *inv, int64_t ended_before, uint64_t place, InventoryDropped done, void *userdata);
