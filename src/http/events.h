/* SPDX-License-Identifier: MIT */
#pragma once

/* MESSAGE_ID of what the front decides by itself. Fields: ATTEZT_PEER= (address), ATTEZT_REASON= (in words),
 * ATTEZT_REQUEST= (path). */
#include <systemd/sd-id128.h>

#define EVENT_REQUEST_REFUSED SD_ID128_MAKE(48,a9,d9,f0,f7,5a,4b,ee,99,53,3d,fd,89,c3,43,f1)

/* A request was refused, and is answered with that status and that reason. */
void tell_refused(const char *path, const char *peer, unsigned status, const char *reason);
