/* SPDX-License-Identifier: MIT */
#pragma once

/* Ends the program when nothing is to be done, so that nobody notices: what comes while it goes is kept by the service
 * manager (the PKCS#11 socket) and by the bus (calls to the name), and starts the next one. */
#include "agent/bus-link.h"
#include "agent/pkcs11-socket.h"
#include "shared/idle.h"

#define AGENT_EXIT_AGAIN 75 /* of the loop and the program: to be started again, with the connections that are stored */

typedef struct IdleParts {
        Agent *agent;
        Renewal *renewal;
        Pkcs11Socket *socket;
        BusLink *bus;
} IdleParts;

typedef struct AgentIdle AgentIdle;

/* seconds: of idleness. The parts outlive it. */
int agent_idle_new(sd_event *event, int64_t seconds, const IdleParts *parts, AgentIdle **ret);
AgentIdle *agent_idle_free(AgentIdle *i);
DEFINE_TRIVIAL_CLEANUP_FUNC(AgentIdle *, agent_idle_free)
