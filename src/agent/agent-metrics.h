/* SPDX-License-Identifier: MIT */
#pragma once

/* What attezt-agent tells on its metrics socket. */
#include "agent/pkcs11-socket.h"
#include "agent/renewal.h"
#include "protocol/openmetrics.h"

/* Filled when they are there. */
typedef struct AgentMetrics {
        const Agent *agent;
        const Renewal *renewal;
        const Signer *signer;
        const Pkcs11Socket *socket;
} AgentMetrics;

void agent_metrics(Metrics *m, void *agent_metrics);
