/* SPDX-License-Identifier: MIT */
#include "shared/bus-connection.h"

#include <stdbool.h>

#include "shared/log.h"

#define AGAIN_USEC 200000ULL  /* after an end: mostly the bus is there */
#define RETRY_USEC 5000000ULL
#define NAME_PRIMARY_OWNER 1U /* RequestName's answer, D-Bus specification */

struct BusConnection {
        sd_event *event;
        const BusService *service;
        void *userdata;
        sd_bus *bus;
        sd_event_source *timer; /* the next attempt */
        bool told;   /* that it is not there */
        void (*left)(void *userdata); /* set: we are leaving */
        void *left_userdata;
};

static void disconnect(BusConnection *c) {
        if (c->bus)
                c->service->withdraw(c->userdata);
        c->bus = sd_bus_close_unref(c->bus);
}

BusConnection *bus_connection_free(BusConnection *c) {
        if (!c)
                return NULL;
        disconnect(c);
        (void) sd_event_source_disable_unref(c->timer);
        sd_event_unref(c->event);
        free(c);
        return NULL;
}

static int schedule(BusConnection *c, uint64_t usec) {
        int r = sd_event_source_set_time_relative(c->timer, usec);
        return r < 0 ? r : sd_event_source_set_enabled(c->timer, SD_EVENT_ONESHOT);
}

/* Later, since the bus may be in the middle of its work. */
static int try_later(BusConnection *c, int error, const char *what) {
        if (c->left) {
                c->left(c->left_userdata);
                return 0;
        }
        uint64_t usec = c->told ? RETRY_USEC : AGAIN_USEC;
        if (!c->told)
                log_error_errno(error, "%s: %s: %m. It is tried again; %s.", c->service->name, what,
                                c->service->otherwise);
        c->told = true;
        if (c->service->tried)
                c->service->tried(c->userdata);
        return schedule(c, usec);
}

static int on_disconnected(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        return try_later(userdata, -ECONNRESET, "The connection to the system bus has ended");
}

static int on_name(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        BusConnection *c = userdata;
        uint32_t answer = 0;
        int r;

        if (sd_bus_message_is_method_error(m, SD_BUS_ERROR_ACCESS_DENIED))
                return try_later(c, -EACCES, "The system bus refuses the name (is its policy installed?)");
        if (sd_bus_message_is_method_error(m, NULL))
                r = -sd_bus_message_get_errno(m);
        else
                r = sd_bus_message_read(m, "u", &answer);
        if (r >= 0 && answer != NAME_PRIMARY_OWNER)
                r = -EEXIST;
        if (r < 0)
                return try_later(c, r, "The name could not be had");
        if (c->told)
                log_notice("%s: The system bus is there.", c->service->name);
        c->told = false;
        if (c->service->tried)
                c->service->tried(c->userdata);
        return 0;
}

static int try_connect(BusConnection *c) {
        int r;

        if ((r = sd_bus_open_system(&c->bus)) < 0 ||
            (r = sd_bus_set_close_on_exit(c->bus, false)) < 0 || /* it would wait */
            (r = sd_bus_match_signal(c->bus, NULL, "org.freedesktop.DBus.Local", "/org/freedesktop/DBus/Local",
                                     "org.freedesktop.DBus.Local", "Disconnected", on_disconnected, c)) < 0 ||
            (r = sd_bus_attach_event(c->bus, c->event, SD_EVENT_PRIORITY_NORMAL)) < 0 ||
            (r = c->service->offer(c->bus, c->userdata)) < 0)
                return r;
        return sd_bus_request_name_async(c->bus, NULL, c->service->name, 0, on_name, c);
}

static int try(BusConnection *c) {
        disconnect(c);
        int r = try_connect(c);
        if (r >= 0)
                return 0;
        disconnect(c);
        return try_later(c, r, "No connection to the system bus");
}

static int on_timer(sd_event_source *s, uint64_t usec, void *userdata) {
        return try(userdata);
}

/* What the bus had for us before is read before its answer. */
static int on_released(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        BusConnection *c = userdata;
        c->left(c->left_userdata);
        return 0;
}

void bus_connection_leave(BusConnection *c, void (*left)(void *userdata), void *userdata) {
        c->left = left;
        c->left_userdata = userdata;
        if (!c->bus || sd_bus_release_name_async(c->bus, NULL, c->service->name, on_released, c) < 0)
                left(userdata);
}

int bus_connection_new(sd_event *event, const BusService *service, void *userdata, BusConnection **ret) {
        _cleanup_(bus_connection_freep) BusConnection *c = calloc(1, sizeof(*c));
        int r;

        if (!c)
                return -ENOMEM;
        c->event = sd_event_ref(event);
        c->service = service;
        c->userdata = userdata;
        r = sd_event_add_time_relative(event, &c->timer, CLOCK_BOOTTIME, 0, 0, on_timer, c);
        if (r >= 0)
                r = sd_event_source_set_enabled(c->timer, SD_EVENT_OFF);
        if (r >= 0)
                r = try(c);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(c);
        return 0;
}
