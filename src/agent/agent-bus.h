/* SPDX-License-Identifier: MIT */
#pragma once

/* dev.attezt.Agent1 (dbus/dev.attezt.Agent1.xml). */
#include <systemd/sd-bus.h>

#include "agent/agent.h"

#define STATUS_WAITING_MAX 64U /* callers of GetStatus() that wait for the TPM's word */

typedef struct AgentBus AgentBus;

/* Becomes the agent's hooks; asks for the name on the bus. agent must outlive it. */
int agent_bus_new(sd_bus *bus, Agent *agent, AgentBus **ret);
AgentBus *agent_bus_free(AgentBus *b);
