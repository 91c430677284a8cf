/* SPDX-License-Identifier: MIT */
#pragma once

/* Reports to the agent, and the two limits of time: the job's deadline, and alarm(2), which tpm-device sets
 * before each command. Either ends the process at once, with a last report that says where it was. */
#include "enroll/failure.h"

/* fd: the SEQPACKET socket. Installs the SIGALRM handler and starts the deadline. Once per process. */
int progress_start(int fd, unsigned deadline_seconds);
/* Says that a step begins. An agent that is gone does not stop the job. */
void progress_step(JobStep step);
void progress_identity(const uint8_t ek_hash[static 32], KeyType type, bool certificate);
/* Whole seconds left of the deadline, at least 1. */
unsigned progress_left(void);
/* The last report. */
void progress_done(const Failure *f);
