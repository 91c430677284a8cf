/* SPDX-License-Identifier: MIT */
#pragma once

/* Tells when users get or lose sessions, by logind's files: no bus is asked. */
#include <systemd/sd-event.h>

typedef struct SeatWatch SeatWatch;

/* changed: from the loop. -ENOENT: there is no logind. */
int seat_watch_new(sd_event *event, void (*changed)(void *userdata), void *userdata, SeatWatch **ret);
SeatWatch *seat_watch_free(SeatWatch *w);
