/* SPDX-License-Identifier: MIT */
#include "agent/seat-watch.h"

#include <systemd/sd-login.h>

#include "shared/bytes.h"

struct SeatWatch {
        sd_login_monitor *monitor;
        sd_event_source *source;
        void (*changed)(void *userdata);
        void *userdata;
};

SeatWatch *seat_watch_free(SeatWatch *w) {
        if (!w)
                return NULL;
        (void) sd_event_source_disable_unref(w->source);
        (void) sd_login_monitor_unref(w->monitor);
        free(w);
        return NULL;
}
DEFINE_TRIVIAL_CLEANUP_FUNC(SeatWatch *, seat_watch_free)

static int on_change(sd_event_source *s, int fd, uint32_t revents, void *userdata) {
        SeatWatch *w = userdata;

        (void) sd_login_monitor_flush(w->monitor);
        w->changed(w->userdata);
        return 0;
}

int seat_watch_new(sd_event *event, void (*changed)(void *userdata), void *userdata, SeatWatch **ret) {
        _cleanup_(seat_watch_freep) SeatWatch *w = calloc(1, sizeof(*w));
        int r, events;

        if (!w)
                return -ENOMEM;
        w->changed = changed;
        w->userdata = userdata;
        r = sd_login_monitor_new("uid", &w->monitor);
        if (r < 0)
                return r;
        events = sd_login_monitor_get_events(w->monitor);
        if (events < 0)
                return events;
        r = sd_event_add_io(event, &w->source, sd_login_monitor_get_fd(w->monitor), (uint32_t) events, on_change, w);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(w);
        return 0;
}
