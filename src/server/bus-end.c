/* SPDX-License-Identifier: MIT */
#include "server/bus-end.h"

#include "server/events.h"
#include "server/server-crl.h"
#include "shared/log.h"

/* The last device certificate that could be ordered with what it holds, just before that ends. */
static uint64_t held_until(const Server *s, const InventoryEnd *end) {
        int64_t until = end->last > 0 ? end->last + s->settings->device_lifetime : 0;

        return until > server_now() ? (uint64_t) until : 0;
}

static int append_replaced(sd_bus_message *reply, const InventoryEnd *end) {
        char hash[DEVICE_HASH_TEXT + 1];

        if (memcmp(end->ek_hash, end->device->ek_hash, sizeof(end->ek_hash)) == 0)
                return 0;
        device_hash_format(end->ek_hash, hash);
        return sd_bus_message_append(reply, "{sv}", "replaced", "s", hash);
}

static int append(BusCall *c, sd_bus_message *reply, const InventoryEnd *end, bool revoking) {
        int r = sd_bus_message_open_container(reply, 'a', "{sv}");
        if (r >= 0 && end->device)
                r = bus_append_device_members(reply, end->device);
        if (r >= 0 && revoking)
                r = sd_bus_message_append(reply, "{sv}", "revoked", "u", (uint32_t) end->revoked);
        else if (r >= 0)
                r = append_replaced(reply, end);
        if (r >= 0)
                r = sd_bus_message_append(reply, "{sv}", "ak-until", "t", (uint64_t) end->until);
        if (r >= 0)
                r = sd_bus_message_append(reply, "{sv}", "held-until", "t", held_until(c->server, end));
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

static void tell(const BusCall *c, const InventoryEnd *end) {
        char hash[DEVICE_HASH_TEXT + 1], what[LOG_ESCAPED_MAX], uid[EVENTS_UID_TEXT_MAX];
        const char *fields[] = {
                "ATTEZT_EK", hash,
                "ATTEZT_DEVICE", end->device && end->device->n_names > 0 ? end->device->names[0] : NULL,
                "ATTEZT_SERIAL", end->device ? NULL : c->device,
                "ATTEZT_UID", events_format_uid(c->uid, uid),
                NULL,
        };

        device_hash_format(end->ek_hash, hash);
        log_event(LOG_NOTICE, EVENT_REVOKED, fields, "Revoked: %u certificate%s of EK %s (asked for: %s).", end->revoked,
                  end->revoked == 1 ? "" : "s", hash, log_escape(c->device, strlen(c->device), what));
}

static void answer(BusCall *c, const InventoryEnd *end, bool revoking) {
        sd_bus_message *reply = NULL;

        int r = sd_bus_message_new_method_return(c->message, &reply);
        if (r >= 0)
                r = append(c, reply, end, revoking);
        if (r >= 0)
                r = sd_bus_send(NULL, reply, NULL);
        sd_bus_message_unref(reply);
        if (r < 0)
                bus_call_fail(c, r);
        else
                bus_call_free(c);
}

void bus_call_answer_end(BusCall *c, const InventoryEnd *end) {
        if (end->revoked > 0) {
                tell(c, end);
                server_crl_renew(c->server);
        }
        answer(c, end, true);
}

void bus_call_answer_held(BusCall *c, const InventoryEnd *end) {
        answer(c, end, false);
}
