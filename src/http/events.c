/* SPDX-License-Identifier: MIT */
#include "http/events.h"

#include "shared/log.h"

void tell_refused(const char *path, const char *peer, unsigned status, const char *reason) {
        const char *fields[] = { "ATTEZT_REQUEST", path, "ATTEZT_PEER", peer, "ATTEZT_REASON", reason, NULL };

        log_event(LOG_INFO, EVENT_REQUEST_REFUSED, fields, "POST %s from %s refused with %u: %s", path, peer, status, reason);
}
