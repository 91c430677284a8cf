/* SPDX-License-Identifier: MIT */
#include "shared/idle.h"

#define USEC_PER_SEC 1000000ULL

struct Idle {
        const IdleCallbacks *callbacks;
        void *userdata;
        uint64_t pause_usec, served;
        bool was_idle;
        sd_event_source *timer;
};

static int on_timer(sd_event_source *s, uint64_t usec, void *userdata) {
        Idle *i = userdata;
        uint64_t served = i->callbacks->served(i->userdata);
        bool idle = !i->callbacks->busy(i->userdata) && served == i->served;

        if (idle && i->was_idle) {
                i->callbacks->go(i->userdata);
                return 0;
        }
        i->was_idle = idle;
        i->served = served;
        (void) sd_event_source_set_time_relative(s, i->pause_usec);
        return sd_event_source_set_enabled(s, SD_EVENT_ONESHOT);
}

Idle *idle_free(Idle *i) {
        if (!i)
                return NULL;
        (void) sd_event_source_disable_unref(i->timer);
        free(i);
        return NULL;
}

int idle_new(sd_event *event, int64_t seconds, const IdleCallbacks *callbacks, void *userdata, Idle **ret) {
        _cleanup_(idle_freep) Idle *i = calloc(1, sizeof(*i));
        int r;

        if (!i)
                return -ENOMEM;
        i->callbacks = callbacks;
        i->userdata = userdata;
        i->pause_usec = (uint64_t) seconds * USEC_PER_SEC / 2;
        i->served = callbacks->served(userdata);
        r = sd_event_add_time_relative(event, &i->timer, CLOCK_BOOTTIME, i->pause_usec, 0, on_timer, i);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(i);
        return 0;
}
