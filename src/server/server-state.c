/* SPDX-License-Identifier: MIT */
#include "server/server-state.h"

#include <time.h>

int64_t server_now(void) {
        return (int64_t) time(NULL);
}

uint64_t server_boottime(const Server *s) {
        uint64_t now;

        return sd_event_now(s->event, CLOCK_BOOTTIME, &now) < 0 ? 0 : now;
}
