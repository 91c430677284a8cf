/* SPDX-License-Identifier: MIT */
#include "server/server-idle.h"

#include <systemd/sd-daemon.h>

#include "server/backup-note.h"
#include "server/server-drop.h"
#include "server/server.h"
#include "shared/log.h"
#include "shared/names.h"

/* A device that was challenged comes back for its certificate: its secret lives in this process alone. */
static bool is_busy(void *userdata) {
        const Server *s = userdata;

        return s->stopping || fronts_connected(s->fronts) || s->issues || s->bus_calls || s->crl_busy ||
               server_drop_busy(s) || backup_awaits_word(s) ||
               (s->access && access_has_open(s->access)) ||
               pending_secrets_expire(s->pending, server_boottime(s)) > 0;
}

static uint64_t served(void *userdata) {
        const Server *s = userdata;

        return s->access ? access_n_calls(s->access) : 0;
}

static void on_left(void *userdata) {
        (void) server_stop(userdata);
}

/* systemd hears of it first, or it would answer a request to start us with "it runs". */
static void go(void *userdata) {
        Server *s = userdata;

        s->stopping = s->leaving = true;
        log_debug("Nothing to do: ending until somebody asks.");
        (void) sd_notify(false, "STOPPING=1");
        if (s->connection)
                bus_connection_leave(s->connection, on_left, s);
        else
                (void) server_stop(s);
}

int server_idle_start(Server *s, bool activated) {
        static const IdleCallbacks callbacks = { .busy = is_busy, .served = served, .go = go };
        int64_t seconds = s->settings->idle_sec;

        if (seconds < 0)
                seconds = activated ? IDLE_DEFAULT_SEC : 0;
        int r = seconds > 0 ? idle_new(s->event, seconds, &callbacks, s, &s->idle) : 0;
        return r < 0 ? log_error_errno(r, "No timer: %m") : 0;
}
