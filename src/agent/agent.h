/* SPDX-License-Identifier: MIT */
#pragma once

/* The agent's state: what is recorded on disk, which job runs, who this device is. It knows no bus: what changes
 * is told through hooks, from the loop. */
#include <systemd/sd-event.h>

#include "agent/agent-settings.h"
#include "shared/enrollment.h"

/* From the command line; strings live as long as the program. NULL: the default. */
typedef struct AgentOptions {
        const char *config, *state_dir, *ca_dir, *tcti, *enroll_socket, *signer_socket, *p11kit_socket, *renewal_dir;
        int64_t idle_sec; /* 0: never ends for being idle */
        bool check_settings; /* no more than that */
} AgentOptions;

typedef struct AgentHooks {
        void (*changed)(void *userdata);    /* state, step or end of validity */
        void (*job_finished)(uint32_t number, JobOutcome outcome, const char *text, void *userdata);
        void (*identified)(void *userdata); /* or not: agent_ek_hash() tells */
} AgentHooks;

/* Every job that ended, also one that did not begin, and looks for the network. From the loop; what it starts must
 * wait for the next turn. */
typedef void (*AgentEnded)(JobKind kind, const Report *r, void *userdata);

typedef struct Agent Agent;

int agent_new(sd_event *event, const AgentOptions *options, Agent **ret);
Agent *agent_free(Agent *a);
void agent_set_hooks(Agent *a, const AgentHooks *hooks, void *userdata);
/* Called whenever the enrolment was read from disk, and once now. NULL: nobody. */
void agent_set_loaded(Agent *a, void (*loaded)(void *userdata), void *userdata);
void agent_set_ended(Agent *a, AgentEnded ended, void *userdata); /* NULL: nobody */
/* Settings and enrolment from disk. */
int agent_reload(Agent *a);
/* The enrolment, before a job that will read it: what is in memory may have been damaged on disk since. */
void agent_reload_enrollment(Agent *a);

const AgentOptions *agent_options(const Agent *a);
const Enrollment *agent_enrollment(const Agent *a);   /* NULL: not enrolled */
/* Something is recorded, though it may be damaged. */
bool agent_has_record(const Agent *a);
const AgentSettings *agent_settings(const Agent *a);
const char *agent_state(const Agent *a);              /* "unenrolled", "enrolled", "working" */
const char *agent_step(const Agent *a);               /* "attest", …; "" when no job runs */
bool agent_busy(const Agent *a);                      /* a helper works */
int64_t agent_not_before(const Agent *a);             /* of the device certificate; 0: none */
int64_t agent_not_after(const Agent *a);              /* of the device certificate; 0: none */
const uint8_t *agent_ek_hash(const Agent *a);         /* 32 bytes, NULL: not known (yet) */
uint64_t agent_n_jobs(const Agent *a, JobOutcome o);  /* that ended so, since the start */
const char *agent_last_error(const Agent *a);         /* why the last job failed, or no EK could be read; "" */

/* The last JOB_ENROLL, as it went to the helper; empty if another job came after it. */
ByteView agent_last_job(const Agent *a);
/* Takes the contents of job. -EBUSY: another one runs; else what starting the helper gave. */
int agent_start(Agent *a, Job *job, uint32_t *ret_number);
/* Starts a look whether the servers can be reached, with the servers of job; ended() will be called if nothing else is
 * under way (-EBUSY). */
int agent_reach(Agent *a, const Job *job);
/* 0: nothing to do, agent_ek_hash() is all there is; 1: identified() will be called. */
int agent_identify(Agent *a);
