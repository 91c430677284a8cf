/* SPDX-License-Identifier: MIT */
#pragma once

/* The revocation list: signed anew after each revocation and when half of its time is over, recorded, and put where
 * the fronts find it. */
#include "server/server-state.h"

/* Once, when inventory and CA are there: makes a list, if the one there is missing, late or does not know all. */
int server_crl_start(Server *s);
/* Something was revoked. */
void server_crl_renew(Server *s);
