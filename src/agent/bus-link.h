/* SPDX-License-Identifier: MIT */
#pragma once

/* The agent on the system bus, while there is one: the PKCS#11 socket is served with or without it. */
#include "agent/agent-bus.h"
#include "shared/bus-connection.h"

typedef struct BusLink BusLink;

/* A first attempt is made before it returns; 0 also if that failed. */
int bus_link_new(sd_event *event, Agent *agent, Renewal *renewal, BusLink **ret);
bool bus_link_has_work(const BusLink *l); /* somebody waits for an answer */
/* As bus_connection_leave(). */
void bus_link_leave(BusLink *l, void (*left)(void *userdata), void *userdata);
BusLink *bus_link_free(BusLink *l);
DEFINE_TRIVIAL_CLEANUP_FUNC(BusLink *, bus_link_free)
