/* SPDX-License-Identifier: MIT */
#pragma once

/* When a program that somebody starts again may end: two looks in a row must find nothing to do, and nothing done
 * between them. */
#include <systemd/sd-event.h>

#include "shared/bytes.h"

#define IDLE_DEFAULT_SEC 60

typedef struct Idle Idle;

typedef struct IdleCallbacks {
        bool (*busy)(void *userdata);       /* something is under way, or its beginning is remembered */
        uint64_t (*served)(void *userdata); /* another number when something was done meanwhile */
        void (*go)(void *userdata);         /* once: end, so that nothing is lost */
} IdleCallbacks;

/* seconds: of idleness; more than 0. callbacks must live. */
int idle_new(sd_event *event, int64_t seconds, const IdleCallbacks *callbacks, void *userdata, Idle **ret);
Idle *idle_free(Idle *i);
DEFINE_TRIVIAL_CLEANUP_FUNC(Idle *, idle_free)
