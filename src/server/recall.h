/* SPDX-License-Identifier: MIT */
#pragma once

/* Which AK each device was last certified for is in memory, so that a challenge finds a place at once: after a start it
 * is read from the certificates that were issued, little by little beside the other work. */
#include "server/server-state.h"

int recall_certified(Server *s);
