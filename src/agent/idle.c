/* SPDX-License-Identifier: MIT */
#include "agent/idle.h"

#include <systemd/sd-daemon.h>

#include "shared/log.h"

#define USEC_PER_SEC 1000000ULL
#define LAST_LOOK_USEC 100000ULL /* between two looks whether the last replies are gone */

struct Idle {
        sd_event *event;
        IdleParts parts;
        uint64_t pause_usec; /* between two looks; two in a row must find nothing */
        sd_event_source *timer;
        bool was_idle, going;
};

static bool has_work(const Idle *i) {
        return agent_busy(i->parts.agent) || bus_link_has_work(i->parts.bus);
}

static bool is_idle(const Idle *i) {
        return !has_work(i) && !pkcs11_socket_in_use(i->parts.socket) && !renewal_is_soon(i->parts.renewal);
}

static int next_look(Idle *i, uint64_t usec) {
        int r = sd_event_source_set_time_relative(i->timer, usec);
        return r < 0 ? r : sd_event_source_set_enabled(i->timer, SD_EVENT_ONESHOT);
}

static int finish(Idle *i) {
        if (!has_work(i))
                return sd_event_exit(i->event, 0);
        /* A call that had arrived before the name was given up: its job is done to the end. */
        (void) sd_notify(false, "EXTEND_TIMEOUT_USEC=30000000");
        return next_look(i, LAST_LOOK_USEC);
}

static void on_left(void *userdata) {
        Idle *i = userdata;
        (void) next_look(i, 0);
}

/* The service manager hears of it first, or it would answer a request to start us with "it runs". */
static void go(Idle *i) {
        i->going = true;
        log_debug("Nothing to do: ending until somebody asks.");
        (void) sd_notify(false, "STOPPING=1");
        pkcs11_socket_stop_listening(i->parts.socket);
        bus_link_leave(i->parts.bus, on_left, i);
}

static int on_timer(sd_event_source *s, uint64_t usec, void *userdata) {
        Idle *i = userdata;

        if (i->going)
                return finish(i);
        bool idle = is_idle(i);
        if (idle && i->was_idle) {
                go(i);
                return 0;
        }
        i->was_idle = idle;
        return next_look(i, i->pause_usec);
}

Idle *idle_free(Idle *i) {
        if (!i)
                return NULL;
        (void) sd_event_source_disable_unref(i->timer);
        sd_event_unref(i->event);
        free(i);
        return NULL;
}

int idle_new(sd_event *event, int64_t seconds, const IdleParts *parts, Idle **ret) {
        _cleanup_(idle_freep) Idle *i = calloc(1, sizeof(*i));
        int r;

        if (!i)
                return -ENOMEM;
        i->event = sd_event_ref(event);
        i->parts = *parts;
        i->pause_usec = (uint64_t) seconds * USEC_PER_SEC / 2;
        r = sd_event_add_time_relative(event, &i->timer, CLOCK_BOOTTIME, i->pause_usec, 0, on_timer, i);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(i);
        return 0;
}
