/* SPDX-License-Identifier: MIT */
#include "agent/agent-idle.h"

#include <systemd/sd-daemon.h>

#include "shared/log.h"

#define LAST_LOOK_USEC 100000ULL /* between two looks whether the last replies are gone */

/* The token is served until the process ends: a call that came with the last message of the bus may take minutes. */

struct AgentIdle {
        sd_event *event;
        IdleParts parts;
        Idle *idle;
        sd_event_source *last_look;
};

static bool has_work(const AgentIdle *i) {
        return agent_busy(i->parts.agent) || bus_link_has_work(i->parts.bus);
}

static bool is_busy(void *userdata) {
        const AgentIdle *i = userdata;

        return has_work(i) || pkcs11_socket_in_use(i->parts.socket) || renewal_is_soon(i->parts.renewal);
}

/* Whoever asks for something in between asks for it again in half of the time, or is gone. */
static uint64_t served(void *userdata) {
        return 0;
}

static int look_again(AgentIdle *i, uint64_t usec) {
        int r = sd_event_source_set_time_relative(i->last_look, usec);
        return r < 0 ? r : sd_event_source_set_enabled(i->last_look, SD_EVENT_ONESHOT);
}

static int on_last_look(sd_event_source *s, uint64_t usec, void *userdata) {
        AgentIdle *i = userdata;

        if (!has_work(i)) {
                /* Who came to the token meanwhile is kept by the service manager for the next one of us, at once. */
                bool wanted = pkcs11_socket_in_use(i->parts.socket);
                return sd_event_exit(i->event, wanted ? AGENT_EXIT_AGAIN : 0);
        }
        /* A call that had arrived before the name was given up: its job is done to the end. */
        (void) sd_notify(false, "EXTEND_TIMEOUT_USEC=30000000");
        return look_again(i, LAST_LOOK_USEC);
}

static void on_left(void *userdata) {
        (void) look_again(userdata, 0);
}

/* The service manager hears of it first, or it would answer a request to start us with "it runs". */
static void go(void *userdata) {
        AgentIdle *i = userdata;

        log_debug("Nothing to do: ending until somebody asks.");
        (void) sd_notify(false, "STOPPING=1");
        bus_link_leave(i->parts.bus, on_left, i);
}

AgentIdle *agent_idle_free(AgentIdle *i) {
        if (!i)
                return NULL;
        (void) idle_free(i->idle);
        (void) sd_event_source_disable_unref(i->last_look);
        sd_event_unref(i->event);
        free(i);
        return NULL;
}

int agent_idle_new(sd_event *event, int64_t seconds, const IdleParts *parts, AgentIdle **ret) {
        static const IdleCallbacks callbacks = { .busy = is_busy, .served = served, .go = go };
        _cleanup_(agent_idle_freep) AgentIdle *i = calloc(1, sizeof(*i));
        int r;

        if (!i)
                return -ENOMEM;
        i->event = sd_event_ref(event);
        i->parts = *parts;
        r = sd_event_add_time_relative(event, &i->last_look, CLOCK_BOOTTIME, 0, 0, on_last_look, i);
        if (r >= 0)
                r = sd_event_source_set_enabled(i->last_look, SD_EVENT_OFF);
        if (r >= 0)
                r = idle_new(event, seconds, &callbacks, i, &i->idle);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(i);
        return 0;
}
