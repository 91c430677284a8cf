/* SPDX-License-Identifier: MIT */
#pragma once

/* The end for want of work. What comes while atteztd goes is kept for the next one: by systemd's socket, and by the
 * bus, which starts it for a call to its name. */
#include "server/server-state.h"

/* By settings->idle_sec; activated: systemd has our socket. After server_start_fronts(). */
int server_idle_start(Server *s, bool activated);
