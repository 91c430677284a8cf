/* SPDX-License-Identifier: MIT */
#pragma once

/* The conductor of renewals: looks what is due (protocol/renewal-plan.h), waits for it on one timer that also wakes up
 * when the clock is set or the machine comes back from sleep, and starts the job. What it remembers is a file in a
 * directory of the agent's own. */
#include <systemd/sd-event.h>

#include "agent/agent.h"
#include "protocol/renewal-plan.h"

/* Nearer than this the agent does not go for being idle: attezt-renew.timer comes as often. */
#define RENEWAL_SOON_SEC (45 * 60)

typedef struct Renewal Renewal;

/* dir: where renewal.json is; the agent goes on without it if it cannot be read or written, and says so. */
int renewal_new(sd_event *event, Agent *agent, const char *dir, Renewal **ret);
Renewal *renewal_free(Renewal *r);
DEFINE_TRIVIAL_CLEANUP_FUNC(Renewal *, renewal_free)

/* Called when the plan has changed. NULL: nobody. */
void renewal_set_changed(Renewal *r, void (*changed)(void *userdata), void *userdata);

/* Settings, enrolment or clocks may have changed: plans anew. What is due begins in the next turn of the loop. */
void renewal_look(Renewal *r);
/* Something is due now, or an attempt is under way. */
bool renewal_is_due(const Renewal *r);
/* Due so soon that it is not worth to end before. */
bool renewal_is_soon(const Renewal *r);

/* False in the first moments: nobody has looked yet, and renewal_next() says nothing. */
bool renewal_is_planned(const Renewal *r);
RenewalPlan renewal_next(const Renewal *r);
const RenewalState *renewal_state(const Renewal *r);
/* What a person has asked for was not answered yet. */
bool renewal_is_waiting(const Renewal *r);
