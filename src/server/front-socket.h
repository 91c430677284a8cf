/* SPDX-License-Identifier: MIT */
#pragma once

/* The network fronts that are connected: SOCK_SEQPACKET sockets, one message per packet, bounded both ways. A
 * front is known by a number that is never used twice, so that an answer to one that is gone goes nowhere. */
#include <sys/types.h>

#include <systemd/sd-event.h>

#include "protocol/front-wire.h"

#define FRONT_ACCEPT_USEC (1000ULL * 1000) /* in that time */
#define FRONT_ACCEPT_BURST 20U             /* so many attempts to accept a front */
#define FRONTS_MAX 16U
/* Requests of one front without an answer, answers not yet sent included. Beyond, its socket is not read: then
 * its own queue fills, and it tells its clients to come back. */
#define FRONT_OPEN_MAX 512U
#define FRONT_READS_PER_TURN 16U
/* FRONT_CHANGED beside those. A front that lets so many pile up does not read at all. */
#define FRONT_CHANGED_QUEUED_MAX 16U

typedef struct Fronts Fronts;

/* A request: FRONT_ATTEST, FRONT_SECRET or FRONT_NAME. Each is to be answered once, now or later. */
typedef void (*FrontReceived)(uint64_t front, const FrontMessage *m, void *userdata);

/* front_uid: who may connect, beside root and our own user; (uid_t) -1 for nobody. */
int fronts_new(sd_event *event, uid_t front_uid, FrontReceived received, void *userdata, Fronts **ret);
Fronts *fronts_free(Fronts *f);
DEFINE_TRIVIAL_CLEANUP_FUNC(Fronts *, fronts_free);

/* fd is taken in any case. */
int fronts_listen(Fronts *f, int fd);
int fronts_add(Fronts *f, int fd);

/* The answer to a request, or nothing when that front is gone. */
void fronts_answer(Fronts *f, uint64_t front, const FrontMessage *m);
/* Tells all fronts to read public files and trust store again. */
void fronts_changed(Fronts *f);

bool fronts_connected(const Fronts *f);
/* Accepts and reads no more. */
void fronts_stop(Fronts *f);
/* No request is open, no answer waits to be sent. */
bool fronts_idle(const Fronts *f);
