/* SPDX-License-Identifier: MIT */
#pragma once

/* What a request to enrol leaves open, from what is recorded or configured. */
#include <systemd/sd-bus.h>

#include "agent/agent.h"

/* Is a server, or a root for TLS, neither recorded nor configured? */
bool agent_enroll_elsewhere(const Agent *a, const Job *job);
/* Fills in what is configured; what is recorded the helper knows, and it stays empty. Negative errno, and error set,
 * if then something is missing. */
int agent_enroll_complete(const Agent *a, Job *job, sd_bus_error *error);
/* The same for a renewal, which misses nothing: what cannot be read is told in the log. -ENOMEM. */
int agent_renew_complete(const Agent *a, Job *job);
