/* SPDX-License-Identifier: MIT */
#pragma once

/* atteztd: the conductor. Takes requests of the fronts to their answer, and holds what D-Bus works on. */
#include <systemd/sd-event.h>

#include "protocol/issue-verdict.h"
#include "server/front-process.h"
#include "server/front-socket.h"
#include "server/server-settings.h"
#include "shared/access.h"
#include "shared/certificate-authority.h"
#include "shared/inventory.h"

/* How long a stop waits for answers to get out. */
#define SERVER_STOP_USEC (5ULL * 1000 * 1000)

typedef struct Issue Issue;
typedef struct BusCall BusCall;

typedef struct Server {
        Access *access; /* first, as access_dispatch() wants it; NULL without a bus */
        sd_event *event;
        sd_bus *bus;
        const ServerSettings *settings;
        Inventory *inventory;
        CertificateAuthority *ca; /* NULL: not created yet */
        PendingSecrets *pending;
        Fronts *fronts;
        FrontProcess *front_process;
        Issue *issues;            /* secrets that came back, and are not answered yet */
        BusCall *bus_calls;       /* method calls that wait for the inventory */
        char bus_names[DEVICE_NAMES_MAX * (DEVICE_NAME_MAX + 1)]; /* a detail for polkit, while it is asked */
        bool stopping;
        sd_event_source *sigterm, *sigint, *idle, *deadline;
} Server;

/* Opens everything but bus and fronts; tells what fails. */
int server_new(sd_event *event, const ServerSettings *settings, Server **ret);
Server *server_free(Server *s);
DEFINE_TRIVIAL_CLEANUP_FUNC(Server *, server_free);

/* Takes the listening socket of systemd's (listen_fd ≥ 0, taken in any case), or starts a front of its own when
 * settings name an address. */
int server_start_fronts(Server *s, int listen_fd);

/* A new CA, its root for all to see, and the word of it to the fronts. Errors as certificate_authority_create(). */
int server_create_ca(Server *s, const char *name);

/* Times: seconds since the epoch, for certificates; microseconds, for limits. */
int64_t server_now(void);
uint64_t server_boottime(const Server *s);
