/* SPDX-License-Identifier: MIT */
#include "server/server-drop.h"

#include <inttypes.h>
#include <stdio.h>

#include "protocol/health.h"
#include "server/events.h"
#include "shared/inventory-drop.h"
#include "shared/log.h"

#define USEC_PER_SEC 1000000ULL
#define ROUND_SEC 3600               /* from one round to the next, or what certificates are kept for */
#define PAUSE_USEC 20000U            /* between two steps of one: it has time */
#define WARN_AGAIN_SEC 86400

bool server_drop_busy(const Server *s) {
        return s->drop.busy || s->drop.next > 0;
}

uint64_t server_inventory_limit(const Server *s) {
        return MIN_OF((uint64_t) s->settings->backup_mib << 20, HEALTH_FILE_MAX);
}

static void warn_of_size(Server *s) {
        uint64_t size, limit = server_inventory_limit(s);
        char bytes[24];
        const char *fields[] = { "ATTEZT_BYTES", bytes, NULL };

        int r = inventory_file_size(s->inventory, &size);
        if (r < 0 || !health_nearly_full(size, limit) || (s->drop.warned > 0 && server_now() < s->drop.warned + WARN_AGAIN_SEC))
                return;
        s->drop.warned = server_now();
        (void) snprintf(bytes, sizeof(bytes), "%" PRIu64, size);
        log_event(LOG_WARNING, EVENT_INVENTORY_LARGE, fields, "The inventory's file has %" PRIu64 " MiB of %" PRIu64 ": %s.",
                  size >> 20, limit >> 20, limit < HEALTH_FILE_MAX ?
                  "beyond that there is no backup; see KeepIssued= and MaxBackupSize= of atteztd.conf" :
                  "beyond that no certificate can be recorded, and none is issued; see KeepIssued= of atteztd.conf");
}

static void wake_in(Server *s, uint64_t usec) {
        int r = sd_event_source_set_time_relative(s->drop.timer, usec);
        if (r >= 0)
                r = sd_event_source_set_enabled(s->drop.timer, SD_EVENT_ONESHOT);
        if (r < 0)
                log_error_errno(r, "No timer for certificates that ended: %m");
}

/* The round is over. */
static void rest(Server *s) {
        s->drop.next = s->drop.dropped = 0;
        warn_of_size(s);
        wake_in(s, (uint64_t) MIN_OF(s->settings->keep_issued, (int64_t) ROUND_SEC) * USEC_PER_SEC);
}

static void on_dropped(int error, uint64_t next, unsigned dropped, void *userdata) {
        Server *s = userdata;
        ServerDrop *d = &s->drop;

        d->busy = false;
        if (error < 0) {
                log_warning_errno(error, "Could not drop certificates that ended, trying again later: %m");
                rest(s);
                return;
        }
        d->next = next;
        d->dropped += dropped;
        if (next > 0) {
                wake_in(s, PAUSE_USEC);
                return;
        }
        if (d->dropped > 0)
                log_info("Dropped %" PRIu64 " AK certificates that ended longer ago than KeepIssued= says; "
                         "their entries in the record of what was signed stay.", d->dropped);
        rest(s);
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata) {
        Server *s = userdata;
        ServerDrop *d = &s->drop;

        if (s->stopping)
                return 0;
        if (s->settings->keep_issued == SERVER_KEEP_ISSUED_INFINITY) {
                rest(s);
                return 0;
        }
        if (d->next == 0)
                d->ended_before = server_now() - s->settings->keep_issued;
        int r = inventory_drop_ended(s->inventory, d->ended_before, d->next, on_dropped, s);
        if (r < 0)
                on_dropped(r, 0, 0, s);
        else
                d->busy = true;
        return 0;
}

int server_drop_start(Server *s) {
        int r = sd_event_add_time_relative(s->event, &s->drop.timer, CLOCK_BOOTTIME, PAUSE_USEC, 0, on_timer, s);
        if (r >= 0)
                r = sd_event_source_set_priority(s->drop.timer, SD_EVENT_PRIORITY_IDLE);
        return r;
}
