/* SPDX-License-Identifier: MIT */
#pragma once

/* The last certificate of each device that is in the inventory and enabled. Same rules as in inventory.h, but that it
 * answers many times. */
#include "shared/inventory.h"

typedef struct LastCertificate {
        const uint8_t *ek_hash;
        ByteView certificate; /* DER */
} LastCertificate;

/* last: one of them, and true to go on; NULL with what came of it at the end. What it returns does not count then. */
typedef bool (*InventoryLast)(int error, const LastCertificate *last, void *userdata);
/* A few in each turn of the loop, so that nobody waits for it, in the order in which they came into the inventory. */
int inventory_walk_last(Inventory *inv, InventoryLast each, void *userdata);
