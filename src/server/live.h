/* SPDX-License-Identifier: MIT */
#pragma once

/* A front asks whether a name is that of a live entry: the look-up, the verdict, the answer. */
#include "server/server-state.h"

/* m: FRONT_NAME. */
void live_on_request(Server *s, uint64_t front, const FrontMessage *m);
void live_forget_all(Server *s);
