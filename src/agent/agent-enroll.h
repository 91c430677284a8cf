/* SPDX-License-Identifier: MIT */
#pragma once

/* What a request to enrol leaves open, from what is recorded or configured. */
#include <systemd/sd-bus.h>

#include "agent/agent.h"

/* Is there a server of each kind, and is one of them, or a root for TLS, neither recorded nor configured? */
int agent_enroll_check(const Agent *a, const Job *job, bool *ret_elsewhere, sd_bus_error *error);
/* Fills in what is configured. What is recorded the helper knows: it stays empty. */
int agent_enroll_complete(const Agent *a, Job *job, sd_bus_error *error);
