/* SPDX-License-Identifier: MIT */
#include "agent/bus-link.h"

#include "shared/log.h"
#include "shared/names.h"

#define RETRY_USEC 5000000ULL
#define NAME_PRIMARY_OWNER 1U /* RequestName's answer, D-Bus specification */

struct BusLink {
        sd_event *event;
        Agent *agent;
        Renewal *renewal;
        sd_bus *bus;
        AgentBus *service;
        sd_event_source *timer; /* the next attempt */
        bool told;   /* that it is not there */
        void (*left)(void *userdata); /* set: we are leaving */
        void *left_userdata;
};

static void disconnect(BusLink *l) {
        if (l->service)
                l->service = agent_bus_free(l->service);
        l->bus = sd_bus_close_unref(l->bus);
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

/* Later, since the bus may be in the middle of its work. */
static int try_later(BusLink *l, int error, const char *what) {
        if (l->left) {
                l->left(l->left_userdata);
                return 0;
        }
        if (!l->told)
                log_error_errno(error, "%s: %m. It is tried again; the PKCS#11 socket is served.", what);
        l->told = true;
        return schedule(l, RETRY_USEC);
}

static int on_disconnected(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        return try_later(userdata, -ECONNRESET, "The connection to the system bus has ended");
}

static int on_name(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        BusLink *l = userdata;
        uint32_t answer = 0;
        int r;

        if (sd_bus_message_is_method_error(m, NULL))
                r = -sd_bus_message_get_errno(m);
        else
                r = sd_bus_message_read(m, "u", &answer);
        if (r >= 0 && answer != NAME_PRIMARY_OWNER)
                r = -EEXIST;
        if (r < 0)
                return try_later(l, r, "The service " ATTEZT_AGENT_BUS_NAME " could not be offered");
        l->told = false;
        return 0;
}

/* Nothing here waits for the bus: it may be there and not answer. */
static int try_connect(BusLink *l) {
        int r;

        if ((r = sd_bus_open_system(&l->bus)) < 0 ||
            (r = sd_bus_set_close_on_exit(l->bus, false)) < 0 || /* it would wait */
            (r = sd_bus_match_signal(l->bus, NULL, "org.freedesktop.DBus.Local", "/org/freedesktop/DBus/Local",
                                     "org.freedesktop.DBus.Local", "Disconnected", on_disconnected, l)) < 0 ||
            (r = sd_bus_attach_event(l->bus, l->event, SD_EVENT_PRIORITY_NORMAL)) < 0 ||
            (r = agent_bus_new(l->bus, l->agent, l->renewal, &l->service)) < 0)
                return r;
        return sd_bus_request_name_async(l->bus, NULL, ATTEZT_AGENT_BUS_NAME, 0, on_name, l);
}

static int try(BusLink *l) {
        disconnect(l);
        int r = try_connect(l);
        if (r >= 0)
                return 0;
        disconnect(l);
        return try_later(l, r, "No connection to the system bus");
}

static int on_timer(sd_event_source *s, uint64_t usec, void *userdata) {
        return try(userdata);
}

bool bus_link_has_work(const BusLink *l) {
        return l->service && agent_bus_has_work(l->service);
}

/* What the bus had for us before is read before its answer. */
static int on_released(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        BusLink *l = userdata;
        l->left(l->left_userdata);
        return 0;
}

void bus_link_leave(BusLink *l, void (*left)(void *userdata), void *userdata) {
        l->left = left;
        l->left_userdata = userdata;
        if (!l->bus || sd_bus_release_name_async(l->bus, NULL, ATTEZT_AGENT_BUS_NAME, on_released, l) < 0)
                left(userdata);
}

int bus_link_new(sd_event *event, Agent *agent, Renewal *renewal, BusLink **ret) {
        _cleanup_(bus_link_freep) BusLink *l = calloc(1, sizeof(*l));
        int r;

        if (!l)
                return -ENOMEM;
        l->event = sd_event_ref(event);
        l->agent = agent;
        l->renewal = renewal;
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
