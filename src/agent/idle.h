/* SPDX-License-Identifier: MIT */
#pragma once

/* Ends the program when nothing is to be done, so that nobody notices: what comes while it goes is kept by the service
 * manager (the PKCS#11 socket) and by the bus (calls to the name), and starts the next one. */
#include "agent/bus-link.h"
#include "agent/pkcs11-socket.h"

#define IDLE_DEFAULT_SEC 60

typedef struct IdleParts {
        Agent *agent;
        Renewal *renewal;
        Pkcs11Socket *socket;
        BusLink *bus;
} IdleParts;

typedef struct Idle Idle;

/* The parts outlive it. */
int idle_new(sd_event *event, int64_t seconds, const IdleParts *parts, Idle **ret);
Idle *idle_free(Idle *i);
DEFINE_TRIVIAL_CLEANUP_FUNC(Idle *, idle_free)
