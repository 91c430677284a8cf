/* SPDX-License-Identifier: MIT */
#pragma once

/* Reports to the agent, and what ends a job before its time. The two limits of time, the job's deadline and alarm(2),
 * which tpm-device sets before each command, end the process at once, with a last report that says where it was.
 * SIGTERM does so too, until something is loaded in the TPM: not every TPM has a resource manager to clear it away. */
#include "enroll/failure.h"

/* fd: the SEQPACKET socket. Installs the SIGALRM handler and starts the deadline. Once per process. */
int progress_start(int fd, unsigned deadline_seconds);
/* Says that a step begins. An agent that is gone does not stop the job. */
void progress_step(JobStep step);
void progress_identity(const uint8_t ek_hash[static 32], KeyType type, bool certificate);
/* From here on SIGTERM only makes progress_told_to_end() true: steps and requests end by themselves, with -ECANCELED,
 * and what is loaded is flushed. */
void progress_catch_end(void);
bool progress_told_to_end(void);
/* Whole seconds left of the deadline, at least 1. */
unsigned progress_left(void);
/* The last report. */
void progress_done(const Failure *f);
