/* SPDX-License-Identifier: MIT */
#pragma once

/* dev.attezt.Agent1 (dbus/dev.attezt.Agent1.xml). */
#include <systemd/sd-bus.h>

#include "agent/renewal.h"

#define STATUS_WAITING_MAX 64U /* callers of GetStatus() that wait for the TPM's word */

typedef struct AgentBus AgentBus;

/* Becomes the agent's hooks. agent and renewal must outlive it. */
int agent_bus_new(sd_bus *bus, Agent *agent, Renewal *renewal, AgentBus **ret);
bool agent_bus_has_work(const AgentBus *b); /* somebody waits for an answer, or it is not sent yet */
AgentBus *agent_bus_free(AgentBus *b);
