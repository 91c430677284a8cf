/* SPDX-License-Identifier: MIT */
#pragma once

/* The inventory's file, as it is at one moment, while everything goes on but changes, which wait. */
#include "shared/inventory.h"

typedef struct InventoryCopy {
        int fd;                                       /* to write to */
        int (*begin)(uint64_t size, void *userdata);  /* before the first byte */
        void (*done)(int error, void *userdata);
} InventoryCopy;

int inventory_copy(Inventory *inv, const InventoryCopy *copy, void *userdata);
/* Looks whether a file is an inventory that is whole, and closes it again. Errors as inventory_open(). */
int inventory_check_file(const char *path);
