/* SPDX-License-Identifier: MIT */
#pragma once

/* A network front of our own, where no systemd starts it: attezt-http as a child, started again when it dies. */
#include "server/front-socket.h"

#define FRONT_RESTART_USEC_MIN (100ULL * 1000)
#define FRONT_RESTART_USEC_MAX (10ULL * 1000 * 1000)

typedef struct FrontProcess FrontProcess;

/* options: NULL-terminated, for attezt-http; copied. Its connection is added to fronts. */
int front_process_new(sd_event *event, Fronts *fronts, const char *const *options, FrontProcess **ret);
/* Ends the child, waiting for it for a moment: its port is free afterwards. */
FrontProcess *front_process_free(FrontProcess *p);
DEFINE_TRIVIAL_CLEANUP_FUNC(FrontProcess *, front_process_free);
