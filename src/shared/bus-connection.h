/* SPDX-License-Identifier: MIT */
#pragma once

/* A daemon's connection to the system bus, and its name there. It is made again when it is not there, or goes away: what
 * else the daemon serves does not depend on it. Nothing here waits for the bus, which may be there and not answer. */
#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

#include "shared/cleanup.h"

typedef struct BusService {
        const char *name;                              /* well-known bus name */
        const char *otherwise;                         /* for the log: what is served without it, a sentence */
        int (*offer)(sd_bus *bus, void *userdata);     /* puts objects on a connection that is new */
        void (*withdraw)(void *userdata);              /* lets go of that connection, also after half an offer */
        void (*tried)(void *userdata);                 /* or NULL; after each attempt, whatever came of it */
} BusService;

typedef struct BusConnection BusConnection;

/* A first attempt is made before it returns; 0 also if that failed. service must outlive it. */
int bus_connection_new(sd_event *event, const BusService *service, void *userdata, BusConnection **ret);
/* Gives up the name, and serves what had come before. left: once, when nothing more can come; from the loop, or at once
 * if there is no bus. */
void bus_connection_leave(BusConnection *c, void (*left)(void *userdata), void *userdata);
BusConnection *bus_connection_free(BusConnection *c); /* withdraws; sends nothing more */
DEFINE_TRIVIAL_CLEANUP_FUNC(BusConnection *, bus_connection_free)
