/* SPDX-License-Identifier: MIT */
#pragma once

/* What atteztd holds, for all of its parts. */
#include <systemd/sd-event.h>

#include "protocol/issue-verdict.h"
#include "server/front-process.h"
#include "server/front-socket.h"
#include "server/server-settings.h"
#include "shared/access.h"
#include "shared/bus-connection.h"
#include "shared/certificate-authority.h"
#include "shared/idle.h"
#include "shared/inventory-issued.h"
#include "shared/metrics-socket.h"
#include "shared/trust-files.h"

#define SERVER_PUBLIC_DIR "public" /* below the state directory: what fronts read */

typedef struct Issue Issue;
typedef struct BusCall BusCall;
typedef struct LiveQuestion LiveQuestion;
typedef struct BusImport BusImport;
typedef struct BackupWord BackupWord;

typedef struct ServerCounters {
        uint64_t challenges[_FRONT_STATUS_MAX];
        uint64_t verdicts[_ISSUE_VERDICT_MAX];
        uint64_t failures;
        /* Unknown devices that may not wait: all places are taken, those of devices without a trusted EK certificate,
         * those of such devices from one source. */
        uint64_t no_room, no_room_untrusted, no_room_source;
} ServerCounters;

/* Certificates that ended long ago go, a few at a time. */
typedef struct ServerDrop {
        sd_event_source *timer;
        int64_t ended_before;     /* of the round that is under way */
        uint64_t next;            /* where it goes on; 0: none is under way */
        uint64_t dropped;         /* in it */
        int64_t warned;           /* of the inventory's size; 0: not yet */
        bool busy;                /* the inventory works on it */
} ServerDrop;

typedef struct Server {
        Access *access; /* first, as access_dispatch() wants it; NULL without a bus */
        sd_event *event;
        BusConnection *connection; /* NULL: --no-bus */
        sd_bus *bus;              /* its bus, borrowed, while there is one */
        const ServerSettings *settings;
        Inventory *inventory;
        CertificateAuthority *ca; /* NULL: not created yet, or ca_error */
        int ca_error;             /* there is one that cannot be used: why (negative errno), else 0 */
        char *wrapping_key;       /* encrypts the CA's keys on disk; NULL: they are plain */
        PendingSecrets *pending;
        size_t recalled;          /* devices whose last certificate was read since the start */
        Fronts *fronts;
        FrontProcess *front_process;
        Issue *issues;            /* secrets that came back, and are not answered yet */
        LiveQuestion *live_questions; /* names that a front asks for */
        BusImport *import;        /* the one that is under way */
        BackupWord *backup_words; /* backups that were handed out, and may be kept */
        BusCall *bus_calls;       /* method calls that wait for the inventory */
        /* Details for polkit, while it is asked. */
        char bus_names[2 * DEVICE_NAMES_MAX * (DEVICE_NAME_MAX + 1)];
        char bus_number[24];
        char bus_hash[DEVICE_HASH_TEXT + 1];
        TrustList trust_list;     /* while a page of it is put together */
        sd_event_source *trust_changed; /* set: the fronts have to be told */
        ServerCounters counters;
        bool crl_busy, crl_wanted; /* a revocation list is being made; another one is wanted after it */
        sd_event_source *crl_timer;
        ServerDrop drop;
        MetricsSocket *metrics;   /* NULL: nobody asked for it */
        bool stopping;
        bool leaving;             /* for want of work: nobody is refused */
        Idle *idle;               /* NULL: never ends by itself */
        sd_event_source *sigterm, *sigint, *drained, *deadline;
} Server;

/* Times: seconds since the epoch, for certificates; microseconds, for limits. */
int64_t server_now(void);
uint64_t server_boottime(const Server *s);
