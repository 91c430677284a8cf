/* SPDX-License-Identifier: MIT */
#include "agent/bus-link.h"

#include "shared/log.h"
#include "shared/names.h"

#define RETRY_USEC 5000000ULL

struct BusLink {
        sd_event *event;
        Agent *agent;
        sd_bus *bus;
        AgentBus *service;
        sd_event_source *timer; /* the next attempt */
        bool told;
};

static void disconnect(BusLink *l) {
        if (l->service)
                l->service = agent_bus_free(l->service);
        l->bus = sd_bus_flush_close_unref(l->bus);
}

BusLink *bus_link_free(BusLink *l) {
        if (!l)
                return NULL;
        disconnect(l);
        (void) sd_event_source_disable_unref(l->timer);
        sd_event_unref(l->event);
        free(l);
        return NULL;
}

static int schedule(BusLink *l, uint64_t usec) {
        int r = sd_event_source_set_time_relative(l->timer, usec);
        return r < 0 ? r : sd_event_source_set_enabled(l->timer, SD_EVENT_ONESHOT);
}

/* Not here: the bus is in the middle of its work. */
static int on_disconnected(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        log_warning("The system bus has gone. The PKCS#11 socket is served on.");
        return schedule(userdata, 0);
}

static int try_connect(BusLink *l, const char **ret_failed) {
        int r;

        *ret_failed = "No connection to the system bus";
        if ((r = sd_bus_open_system(&l->bus)) < 0 ||
            (r = sd_bus_match_signal(l->bus, NULL, "org.freedesktop.DBus.Local", "/org/freedesktop/DBus/Local",
                                     "org.freedesktop.DBus.Local", "Disconnected", on_disconnected, l)) < 0 ||
            (r = sd_bus_attach_event(l->bus, l->event, SD_EVENT_PRIORITY_NORMAL)) < 0)
                return r;
        *ret_failed = "The service " ATTEZT_AGENT_BUS_NAME " could not be offered";
        return agent_bus_new(l->bus, l->agent, &l->service);
}

static int try(BusLink *l) {
        const char *failed;

        disconnect(l);
        int r = try_connect(l, &failed);
        if (r >= 0) {
                l->told = false;
                return 0;
        }
        if (!l->told)
                log_error_errno(r, "%s: %m. It is tried again; the PKCS#11 socket is served.", failed);
        l->told = true;
        disconnect(l);
        return schedule(l, RETRY_USEC);
}

static int on_timer(sd_event_source *s, uint64_t usec, void *userdata) {
        return try(userdata);
}

int bus_link_new(sd_event *event, Agent *agent, BusLink **ret) {
        _cleanup_(bus_link_freep) BusLink *l = calloc(1, sizeof(*l));
        int r;

        if (!l)
                return -ENOMEM;
        l->event = sd_event_ref(event);
        l->agent = agent;
        r = sd_event_add_time_relative(event, &l->timer, CLOCK_BOOTTIME, 0, 0, on_timer, l);
        if (r >= 0)
                r = sd_event_source_set_enabled(l->timer, SD_EVENT_OFF);
        if (r >= 0)
                r = try(l);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(l);
        return 0;
}
