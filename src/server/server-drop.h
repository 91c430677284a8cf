/* SPDX-License-Identifier: MIT */
#pragma once

/* Certificates that ended longer ago than KeepIssued= are dropped, in small steps between all other work, at the start
 * and every now and then; and a warning when the inventory's file comes near its end all the same. */
#include "server/server-state.h"

int server_drop_start(Server *s);
bool server_drop_busy(const Server *s);
/* How large the inventory's file may become: for a backup, and at all. */
uint64_t server_inventory_limit(const Server *s);
