/* SPDX-License-Identifier: MIT */
#pragma once

/* The trust store that people keep, below the public directory, where fronts read it. Changes are told to them, many at
 * once. All of it is a few operations on small files, which block. */
#include "server/server-state.h"

/* How long the fronts hear nothing of a change, since others may follow: each time they read all anew. */
#define SERVER_TRUST_QUIET_USEC (200ULL * 1000)

/* Errors as trust_files_put(), trust_files_remove(). */
int server_trust_put(Server *s, const TrustEntry *e);
int server_trust_remove(Server *s, const char *fingerprint);
/* Into s->trust_list. */
int server_trust_list(Server *s);
int server_trust_read(const Server *s, const struct TrustListed *l, TrustEntry *ret);
