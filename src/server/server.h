/* SPDX-License-Identifier: MIT */
#pragma once

/* atteztd's beginning and end: opens what it holds, starts the fronts, and stops when every answer is out. */
#include "server/server-state.h"

/* How long a stop waits for answers to get out. */
#define SERVER_STOP_USEC (5ULL * 1000 * 1000)

/* Opens everything but bus and fronts; tells what fails. */
int server_new(sd_event *event, const ServerSettings *settings, Server **ret);
Server *server_free(Server *s);
DEFINE_TRIVIAL_CLEANUP_FUNC(Server *, server_free);

/* Takes no more requests; ends the loop when those that are open are answered. */
int server_stop(Server *s);

/* Takes the listening socket of systemd's (listen_fd ≥ 0, taken in any case), or starts a front of its own when
 * settings name an address. */
int server_start_fronts(Server *s, int listen_fd);
