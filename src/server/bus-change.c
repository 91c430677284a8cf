/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdio.h>

#include "server/bus-end.h"
#include "server/bus-methods.h"
#include "server/bus-options.h"
#include "server/events.h"
#include "shared/log.h"

#define CHANGE_OPTIONS                                                                                               \
        (BUS_OPTION_NAMES | BUS_OPTION_ADD_NAMES | BUS_OPTION_REMOVE_NAMES | BUS_OPTION_ANY_NAME | BUS_OPTION_PINNED | \
         BUS_OPTION_DISABLED | BUS_OPTION_AK_LIFETIME | BUS_OPTION_EXPIRES | BUS_OPTION_NOTE | BUS_OPTION_VERSION |    \
         BUS_OPTION_OPERATION)
#define UNCHANGED "unchanged"

/* --- Change --- */

static int read_change(sd_bus_message *m, const char **ret_device, BusOptions *ret, sd_bus_error *error) {
        int r = bus_read_device(m, CHANGE_OPTIONS, ret_device, ret, error);
        return r < 0 ? r : bus_check_options(ret, error);
}

static void make_change(const BusOptions *o, DeviceChange *ret) {
        static const struct {
                BusOption option;
                DeviceChangeField field;
        } fields[] = {
                { BUS_OPTION_NAMES, DEVICE_CHANGE_NAMES },         { BUS_OPTION_ANY_NAME, DEVICE_CHANGE_ANY_NAME },
                { BUS_OPTION_PINNED, DEVICE_CHANGE_PINNED },       { BUS_OPTION_DISABLED, DEVICE_CHANGE_DISABLED },
                { BUS_OPTION_EXPIRES, DEVICE_CHANGE_EXPIRES },     { BUS_OPTION_NOTE, DEVICE_CHANGE_NOTE },
                { BUS_OPTION_AK_LIFETIME, DEVICE_CHANGE_AK_LIFETIME },
        };

        *ret = (DeviceChange) {
                .names = o->names,
                .add = o->add_names,
                .remove = o->remove_names,
                .any_name = o->any_name,
                .pinned = o->pinned,
                .disabled = o->disabled,
                .ak_lifetime = (int64_t) o->ak_lifetime,
                .expires = (int64_t) o->expires,
                .version = o->version,
                .now = server_now(),
        };
        if (o->note)
                strcpy(ret->note, o->note);
        for (size_t i = 0; i < ELEMENTSOF(fields); i++)
                if (o->given & fields[i].option)
                        ret->fields |= fields[i].field;
}

static const char *flag_text(const BusOptions *o, BusOption option, int value) {
        return !(o->given & option) ? UNCHANGED : value ? "true" : "false";
}

int bus_refine_change(sd_bus_message *m, void *userdata, AccessQuestion *q, sd_bus_error *error) {
        Server *s = userdata;
        const char *device;
        BusOptions o;

        int r = read_change(m, &device, &o, error);
        if (r < 0)
                return r;
        bus_join_names(s, &o.names, &o.add_names);
        (void) snprintf(s->bus_number, sizeof(s->bus_number), "%" PRIu64, o.ak_lifetime);
        const char *const details[] = {
                device_hash_valid(device) ? "hash" : "name", device,
                "device", device,
                "new-names", s->bus_names,
                "any-name", flag_text(&o, BUS_OPTION_ANY_NAME, o.any_name),
                "pinned", flag_text(&o, BUS_OPTION_PINNED, o.pinned),
                "disabled", flag_text(&o, BUS_OPTION_DISABLED, o.disabled),
                "ak-lifetime", o.given & BUS_OPTION_AK_LIFETIME ? s->bus_number : UNCHANGED,
                NULL,
        };
        memcpy(q->details, details, sizeof(details));
        return 0;
}

static void on_changed(int error, const InventoryEnd *end, void *userdata) {
        BusCall *c = userdata;

        if (error < 0) {
                bus_call_fail(c, error);
                return;
        }
        bus_log_device(c, end->device, EVENT_CHANGED, "Changed");
        bus_emit(c->server, "InventoryChanged");
        bus_call_answer_held(c, end);
}

int bus_change(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        _cleanup_(bus_call_freep) BusCall *c = NULL;
        Server *s = userdata;
        DeviceChange change;
        const char *device;
        BusOptions o;

        int r = read_change(m, &device, &o, error);
        if (r < 0)
                return r;
        make_change(&o, &change);
        c = bus_call_new(s, m, device);
        if (!c)
                return -ENOMEM;
        r = inventory_change(s->inventory, o.operation, device, &change, on_changed, c);
        if (r < 0)
                return bus_error_set(error, r, device);
        TAKE_PTR(c);
        return 1;
}

/* --- Replace --- */

static int read_replace(sd_bus_message *m, const char **ret_device, const char **ret_hash, BusOptions *ret,
                        sd_bus_error *error) {
        int r = sd_bus_message_read(m, "ss", ret_device, ret_hash);
        if (r >= 0)
                r = bus_read_options(m, BUS_OPTION_PINNED | BUS_OPTION_OPERATION, ret, error);
        if (r < 0)
                return r;
        if (!device_hash_valid(*ret_hash))
                return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS,
                                         "The hash of an EK has %u hexadecimal digits.", DEVICE_HASH_TEXT);
        return 0;
}

int bus_refine_replace(sd_bus_message *m, void *userdata, AccessQuestion *q, sd_bus_error *error) {
        const char *device, *hash;
        BusOptions o;

        int r = read_replace(m, &device, &hash, &o, error);
        if (r < 0)
                return r;
        const char *const details[] = {
                "device", device, "hash", hash, "pinned", o.pinned ? "true" : "false", NULL,
        };
        memcpy(q->details, details, sizeof(details));
        return 0;
}

static void on_replaced(int error, const InventoryEnd *end, void *userdata) {
        BusCall *c = userdata;

        if (error == -EEXIST) /* said of the new one */
                strcpy(c->device, "of the new EK hash");
        if (error < 0) {
                bus_call_fail(c, error);
                return;
        }
        bus_log_device(c, end->device, EVENT_REPLACED, "Replaces another");
        bus_emit(c->server, "InventoryChanged");
        bus_call_answer_held(c, end);
}

int bus_replace(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        _cleanup_(bus_call_freep) BusCall *c = NULL;
        const char *device, *hash;
        Server *s = userdata;
        DeviceReplacement by;
        BusOptions o;

        int r = read_replace(m, &device, &hash, &o, error);
        if (r < 0)
                return r;
        by = (DeviceReplacement) { .pinned = o.pinned, .now = server_now() };
        r = device_hash_parse(hash, by.ek_hash);
        if (r < 0)
                return r;
        c = bus_call_new(s, m, device);
        if (!c)
                return -ENOMEM;
        r = inventory_replace(s->inventory, o.operation, device, &by, on_replaced, c);
        if (r < 0)
                return bus_error_set(error, r, device);
        TAKE_PTR(c);
        return 1;
}
