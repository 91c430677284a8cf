/* SPDX-License-Identifier: MIT */
#include "server/bus-call.h"

#include <gnutls/crypto.h>

#include "shared/names.h"

BusCall *bus_call_new(Server *s, sd_bus_message *m, const char *device) {
        BusCall *c = calloc(1, sizeof(*c));
        if (!c)
                return NULL;
        *c = (BusCall) { .server = s, .message = sd_bus_message_ref(m), .next = s->bus_calls, .self = &s->bus_calls };
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
                return sd_bus_error_setf(e, ATTEZT_ERROR_EXISTS, "Device %s is in the inventory already; to change it, remove it first.",
                                         device);
        case -ENOTUNIQ:
                return sd_bus_error_setf(e, ATTEZT_ERROR_EXISTS, "One of these names belongs to another device.");
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
        char hash[DEVICE_HASH_TEXT + 1];

        device_hash_format(d->ek_hash, hash);
        int r = sd_bus_message_open_container(m, 'a', "{sv}");
        if (r >= 0)
                r = sd_bus_message_append(m, "{sv}", "ek-hash", "s", hash);
        if (r >= 0)
                r = append_names(m, d);
        const struct {
                const char *key;
                bool value;
        } flags[] = { { "any-name", d->any_name }, { "pinned", d->pinned }, { "disabled", d->disabled } };
        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(flags); i++)
                r = sd_bus_message_append(m, "{sv}", flags[i].key, "b", (int) flags[i].value);
        if (r >= 0)
                r = sd_bus_message_append(m, "{sv}", "note", "s", d->note);
        const struct {
                const char *key;
                uint64_t value;
        } numbers[] = { { "ak-lifetime", (uint64_t) d->ak_lifetime }, { "created", (uint64_t) d->created },
                        { "last-issued", (uint64_t) d->last_issued }, { "issued", d->issued } };
        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(numbers); i++)
                r = sd_bus_message_append(m, "{sv}", numbers[i].key, "t", numbers[i].value);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

void bus_call_answer_device(BusCall *c, const Device *d) {
        sd_bus_message *reply = NULL;

        int r = sd_bus_message_new_method_return(c->message, &reply);
        if (r >= 0)
                r = bus_append_device(reply, d);
        if (r >= 0)
                r = sd_bus_send(c->server->bus, reply, NULL);
        sd_bus_message_unref(reply);
        if (r < 0)
                bus_call_fail(c, r);
        else
                bus_call_free(c);
}

/* --- Options --- */

static const struct {
        const char *name;
        BusOption option;
        const char *type;
} known_options[] = {
        { "any-name", BUS_OPTION_ANY_NAME, "b" },
        { "pinned", BUS_OPTION_PINNED, "b" },
        { "ak-lifetime", BUS_OPTION_AK_LIFETIME, "t" },
        { "note", BUS_OPTION_NOTE, "s" },
        { "operation", BUS_OPTION_OPERATION, "ay" },
};

static int read_operation(sd_bus_message *m, BusOptions *o) {
        const void *bytes;
        size_t size;

        int r = sd_bus_message_read_array(m, 'y', &bytes, &size);
        if (r < 0)
                return r;
        if (size != OPERATION_SIZE)
                return -EINVAL;
        memcpy(o->operation, bytes, OPERATION_SIZE);
        return 0;
}

static int read_value(sd_bus_message *m, BusOption option, BusOptions *o) {
        switch (option) {
        case BUS_OPTION_ANY_NAME:
                return sd_bus_message_read_basic(m, 'b', &o->any_name);
        case BUS_OPTION_PINNED:
                return sd_bus_message_read_basic(m, 'b', &o->pinned);
        case BUS_OPTION_AK_LIFETIME:
                return sd_bus_message_read_basic(m, 't', &o->ak_lifetime);
        case BUS_OPTION_NOTE:
                return sd_bus_message_read_basic(m, 's', &o->note);
        case BUS_OPTION_OPERATION:
                return read_operation(m, o);
        }
        return -EINVAL;
}

static int read_option(sd_bus_message *m, unsigned allowed, BusOptions *o, sd_bus_error *error) {
        const char *name;
        size_t i = 0;

        int r = sd_bus_message_read_basic(m, 's', &name);
        if (r < 0)
                return r;
        while (i < ELEMENTSOF(known_options) &&
               (strcmp(name, known_options[i].name) != 0 || !(allowed & known_options[i].option)))
                i++;
        if (i == ELEMENTSOF(known_options))
                return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS, "This method has no option \"%s\".", name);
        r = sd_bus_message_enter_container(m, 'v', known_options[i].type);
        if (r > 0)
                r = read_value(m, known_options[i].option, o);
        if (r < 0)
                return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS, "Option \"%s\" is not as it should be.", name);
        return sd_bus_message_exit_container(m);
}

int bus_read_options(sd_bus_message *m, unsigned allowed, BusOptions *ret, sd_bus_error *error) {
        BusOptions o = {};

        if (gnutls_rnd(GNUTLS_RND_NONCE, o.operation, sizeof(o.operation)) < 0)
                return -EIO;
        int r = sd_bus_message_enter_container(m, 'a', "{sv}");
        if (r < 0)
                return r;
        while ((r = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
                r = read_option(m, allowed, &o, error);
                if (r < 0)
                        return r;
                r = sd_bus_message_exit_container(m);
                if (r < 0)
                        return r;
        }
        if (r >= 0)
                r = sd_bus_message_exit_container(m);
        if (r < 0)
                return r;
        *ret = o;
        return 0;
}
