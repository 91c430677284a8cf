/* SPDX-License-Identifier: MIT */
#pragma once

/* The job of a person whose device waits for approval: kept, over restarts too, until the server has answered. The file
 * may hold the key for external account binding: it is the agent's alone (0600). */
#include "protocol/helper-wire.h"

/* -ENOENT; -EBADMSG: of another version, or damaged. */
int waiting_job_read(const char *dir, Bytes *ret);
int waiting_job_write(const char *dir, ByteView packet); /* of job_encode() */
void waiting_job_forget(const char *dir);
