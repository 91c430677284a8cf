/* SPDX-License-Identifier: MIT */
#include "server/bus-call.h"

#include "server/events.h"
#include "server/server-ca.h"
#include "shared/log.h"
#include "shared/names.h"

BusCall *bus_call_new(Server *s, sd_bus_message *m, const char *device) {
        BusCall *c = calloc(1, sizeof(*c));
        if (!c)
                return NULL;
        *c = (BusCall) {
                .server = s,
                .message = sd_bus_message_ref(m),
                .uid = access_caller_uid(s->access),
                .next = s->bus_calls,
                .self = &s->bus_calls,
        };
        strncpy(c->device, device, sizeof(c->device) - 1);
        if (c->next)
                c->next->self = &c->next;
        s->bus_calls = c;
        return c;
}

BusCall *bus_call_free(BusCall *c) {
        if (!c)
                return NULL;
        *c->self = c->next;
        if (c->next)
                c->next->self = c->self;
        sd_bus_message_unref(c->message);
        free(c);
        return NULL;
}

void bus_calls_forget_all(Server *s) {
        while (s->bus_calls)
                bus_call_free(s->bus_calls);
}

/* --- Errors --- */

int bus_error_set(sd_bus_error *e, int error, const char *device) {
        switch (error) {
        case -ENOENT:
                return sd_bus_error_setf(e, ATTEZT_ERROR_NOT_FOUND, "No device \"%s\" is in the inventory.", device);
        case -EEXIST:
                return sd_bus_error_setf(e, ATTEZT_ERROR_EXISTS, "Device %s is in the inventory already; attezt ca set changes it.",
                                         device);
        case -ENOTUNIQ:
                return sd_bus_error_setf(e, ATTEZT_ERROR_EXISTS, "One of these names belongs to another device.");
        case -ESTALE:
                return sd_bus_error_setf(e, ATTEZT_ERROR_CHANGED, "Device \"%s\" was changed by somebody else meanwhile.",
                                         device);
        case -ENXIO:
                return sd_bus_error_setf(e, ATTEZT_ERROR_INVALID, "Device \"%s\" has no such name to take away.", device);
        case -EINVAL:
                return sd_bus_error_setf(e, ATTEZT_ERROR_INVALID, "These are no settings that a device can have.");
        case -EBUSY:
                return sd_bus_error_setf(e, ATTEZT_ERROR_BUSY, "Too many calls wait for the inventory.");
        default:
                return sd_bus_error_setf(e, ATTEZT_ERROR_FAILED, "The inventory failed: %s.", strerror(-error));
        }
}

void bus_call_fail(BusCall *c, int error) {
        sd_bus_error e = SD_BUS_ERROR_NULL;

        (void) bus_error_set(&e, error, c->device);
        (void) sd_bus_reply_method_error(c->message, &e);
        sd_bus_error_free(&e);
        bus_call_free(c);
}

int bus_no_ca(const Server *s, sd_bus_error *e) {
        if (s->ca_error == 0)
                return sd_bus_error_setf(e, ATTEZT_ERROR_NO_CA, "There is no CA yet.");
        return sd_bus_error_setf(e, ATTEZT_ERROR_CA_UNUSABLE, "The CA cannot be used: %s.", server_ca_problem(s));
}

/* --- A device --- */

static int append_names(sd_bus_message *m, const Device *d) {
        int r = sd_bus_message_open_container(m, 'e', "sv");
        if (r >= 0)
                r = sd_bus_message_append(m, "s", "names");
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'v', "as");
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'a', "s");
        for (unsigned i = 0; r >= 0 && i < d->n_names; i++)
                r = sd_bus_message_append(m, "s", d->names[i]);
        for (unsigned i = 0; r >= 0 && i < 3; i++)
                r = sd_bus_message_close_container(m);
        return r;
}

int bus_append_device(sd_bus_message *m, const Device *d) {
        int r = sd_bus_message_open_container(m, 'a', "{sv}");
        if (r >= 0)
                r = bus_append_device_members(m, d);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

int bus_append_device_members(sd_bus_message *m, const Device *d) {
        char hash[DEVICE_HASH_TEXT + 1];

        device_hash_format(d->ek_hash, hash);
        int r = sd_bus_message_append(m, "{sv}", "ek-hash", "s", hash);
        if (r >= 0)
                r = append_names(m, d);
        const struct {
                const char *key;
                bool value;
        } flags[] = { { "any-name", d->any_name }, { "pinned", d->pinned }, { "disabled", d->disabled },
                      { "denied", d->denied } };
        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(flags); i++)
                r = sd_bus_message_append(m, "{sv}", flags[i].key, "b", (int) flags[i].value);
        if (r >= 0)
                r = sd_bus_message_append(m, "{sv}", "note", "s", d->note);
        const struct {
                const char *key;
                uint64_t value;
        } numbers[] = { { "ak-lifetime", (uint64_t) d->ak_lifetime }, { "created", (uint64_t) d->created },
                        { "last-seen", (uint64_t) d->last_seen }, { "last-issued", (uint64_t) d->last_issued },
                        { "issued", d->issued }, { "expires", (uint64_t) d->expires }, { "version", d->version } };
        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(numbers); i++)
                r = sd_bus_message_append(m, "{sv}", numbers[i].key, "t", numbers[i].value);
        return r;
}

void bus_call_answer_device(BusCall *c, const Device *d) {
        sd_bus_message *reply = NULL;

        int r = sd_bus_message_new_method_return(c->message, &reply);
        if (r >= 0)
                r = bus_append_device(reply, d);
        if (r >= 0)
                r = sd_bus_send(NULL, reply, NULL);
        sd_bus_message_unref(reply);
        if (r < 0)
                bus_call_fail(c, r);
        else
                bus_call_free(c);
}

/* --- Telling others --- */

void bus_join_names(Server *s, const DeviceNames *names, const DeviceNames *more) {
        char *end = s->bus_names;

        *end = 0;
        for (const DeviceNames *n = names; n; n = n == names ? more : NULL)
                for (unsigned i = 0; i < n->n; i++)
                        end = stpcpy(end > s->bus_names ? stpcpy(end, " ") : end, n->list[i]);
}

void bus_log_device(const BusCall *c, const Device *d, sd_id128_t id, const char *what) {
        char hash[DEVICE_HASH_TEXT + 1], uid[EVENTS_UID_TEXT_MAX];
        const char *fields[] = { "ATTEZT_EK", hash, "ATTEZT_DEVICE", d->n_names > 0 ? d->names[0] : NULL, "ATTEZT_UID",
                                 events_format_uid(c->uid, uid), NULL };

        device_hash_format(d->ek_hash, hash);
        log_event(LOG_NOTICE, id, fields, "%s: %s (%s%s%s).", what, hash,
                  d->n_names > 0 ? d->names[0] : d->any_name ? "any name" : "no name", d->pinned ? ", pinned" : "",
                  d->disabled ? ", disabled" : "");
}

void bus_emit(Server *s, const char *signal) {
        if (s->bus)
                (void) sd_bus_emit_signal(s->bus, ATTEZT_SERVER_OBJECT, ATTEZT_SERVER_INTERFACE, signal, NULL);
}
