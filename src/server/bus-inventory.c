/* SPDX-License-Identifier: MIT */
#include "server/bus-call.h"
#include "server/bus-end.h"
#include "server/bus-methods.h"
#include "server/bus-options.h"
#include "server/events.h"
#include "server/server-drop.h"
#include "shared/log.h"
#include "shared/names.h"

#define LIST_PAGE_DEFAULT 100U
#define ENROLL_OPTIONS                                                                                    \
        (BUS_OPTION_ANY_NAME | BUS_OPTION_PINNED | BUS_OPTION_AK_LIFETIME | BUS_OPTION_NOTE | BUS_OPTION_EXPIRES | \
         BUS_OPTION_OPERATION)

/* --- Enroll --- */

static int read_enroll(sd_bus_message *m, Device *ret, const char **ret_hash, sd_bus_error *error) {
        Device d = {};

        int r = sd_bus_message_read(m, "s", ret_hash);
        if (r < 0)
                return r;
        if (device_hash_parse(*ret_hash, d.ek_hash) < 0)
                return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS,
                                         "The hash of an EK has %u hexadecimal digits.", DEVICE_HASH_TEXT);
        r = bus_read_new_device(m, ENROLL_OPTIONS, &d, error);
        if (r < 0)
                return r;
        *ret = d;
        return 0;
}

int bus_refine_enroll(sd_bus_message *m, void *userdata, AccessQuestion *q, sd_bus_error *error) {
        Server *s = userdata;
        const char *hash;
        Device d;

        int r = read_enroll(m, &d, &hash, error);
        if (r < 0)
                return r;
        DeviceNames names = { .n = d.n_names };
        memcpy(names.list, d.names, sizeof(names.list));
        bus_join_names(s, &names, NULL);
        const char *const details[] = {
                "hash", hash, "name", d.any_name ? "(any name)" : s->bus_names,
                "any-name", d.any_name ? "true" : "false", "pinned", d.pinned ? "true" : "false", NULL,
        };
        memcpy(q->details, details, sizeof(details));
        return 0;
}

static void on_enrolled_device(int error, const Device *device, void *userdata) {
        if (error < 0) {
                bus_call_fail(userdata, error);
                return;
        }
        BusCall *c = userdata;
        bus_log_device(c, device, EVENT_ENROLLED, "Enrolled");
        bus_emit(c->server, "InventoryChanged");
        bus_call_answer_device(c, device);
}

/* The answer is what the inventory has now: a repetition gets what the first one made. */
static void on_enrolled(int error, void *userdata) {
        BusCall *c = userdata;

        if (error >= 0)
                error = inventory_lookup(c->server->inventory, c->device, on_enrolled_device, c);
        if (error < 0)
                bus_call_fail(c, error);
}

int bus_enroll(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        _cleanup_(bus_call_freep) BusCall *c = NULL;
        Server *s = userdata;
        const char *hash;
        Device d;

        int r = read_enroll(m, &d, &hash, error);
        if (r < 0)
                return r;
        d.created = server_now();
        c = bus_call_new(s, m, hash);
        if (!c)
                return -ENOMEM;
        r = inventory_enroll(s->inventory, d.operation, &d, on_enrolled, c);
        if (r < 0)
                return bus_error_set(error, r, hash);
        TAKE_PTR(c);
        return 1;
}

/* --- Remove and LookUp --- */

int bus_refine_remove(sd_bus_message *m, void *userdata, AccessQuestion *q, sd_bus_error *error) {
        const char *device;
        BusOptions options;

        int r = bus_read_device(m, BUS_OPTION_OPERATION, &device, &options, error);
        if (r < 0)
                return r;
        q->details[0] = device_hash_valid(device) ? "hash" : "name";
        q->details[1] = device;
        q->details[2] = "device";
        q->details[3] = device;
        return 0;
}

static void on_removed(int error, const InventoryEnd *end, void *userdata) {
        if (error < 0) {
                bus_call_fail(userdata, error);
                return;
        }
        BusCall *c = userdata;
        bus_log_device(c, end->device, EVENT_REMOVED, "Removed");
        bus_emit(c->server, "InventoryChanged");
        bus_call_answer_end(c, end);
}

static void on_looked_up(int error, const Device *device, void *userdata) {
        if (error < 0)
                bus_call_fail(userdata, error);
        else
                bus_call_answer_device(userdata, device);
}

int bus_remove(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        _cleanup_(bus_call_freep) BusCall *c = NULL;
        Server *s = userdata;
        const char *device;
        BusOptions options;

        int r = bus_read_device(m, BUS_OPTION_OPERATION, &device, &options, error);
        if (r < 0)
                return r;
        c = bus_call_new(s, m, device);
        if (!c)
                return -ENOMEM;
        r = inventory_remove_and_revoke(s->inventory, options.operation, device, server_now(), on_removed, c);
        if (r < 0)
                return bus_error_set(error, r, device);
        TAKE_PTR(c);
        return 1;
}

int bus_look_up(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        _cleanup_(bus_call_freep) BusCall *c = NULL;
        Server *s = userdata;
        const char *device;
        BusOptions options;

        int r = bus_read_device(m, 0, &device, &options, error);
        if (r < 0)
                return r;
        c = bus_call_new(s, m, device);
        if (!c)
                return -ENOMEM;
        r = inventory_lookup(s->inventory, device, on_looked_up, c);
        if (r < 0)
                return bus_error_set(error, r, device);
        TAKE_PTR(c);
        return 1;
}

/* --- List and GetCounts --- */

static int send_page(BusCall *c, const Device *devices, size_t n, const char *next) {
        sd_bus_message *reply = NULL;

        int r = sd_bus_message_new_method_return(c->message, &reply);
        if (r >= 0)
                r = sd_bus_message_open_container(reply, 'a', "a{sv}");
        for (size_t i = 0; r >= 0 && i < n; i++)
                r = bus_append_device(reply, devices + i);
        if (r >= 0)
                r = sd_bus_message_close_container(reply);
        if (r >= 0)
                r = sd_bus_message_append(reply, "s", next);
        if (r >= 0)
                r = sd_bus_send(NULL, reply, NULL);
        sd_bus_message_unref(reply);
        return r;
}

static void on_page(int error, const Device *devices, size_t n, const char *next, void *userdata) {
        if (error >= 0)
                error = send_page(userdata, devices, n, next);
        if (error < 0)
                bus_call_fail(userdata, error);
        else
                bus_call_free(userdata);
}

int bus_list(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        _cleanup_(bus_call_freep) BusCall *c = NULL;
        Server *s = userdata;
        const char *cursor;
        BusOptions options;
        uint32_t max;

        int r = sd_bus_message_read(m, "su", &cursor, &max);
        if (r >= 0)
                r = bus_read_options(m, 0, &options, error);
        if (r < 0)
                return r;
        max = max == 0 ? LIST_PAGE_DEFAULT : MIN_OF(max, INVENTORY_PAGE_MAX);
        c = bus_call_new(s, m, "");
        if (!c)
                return -ENOMEM;
        r = inventory_list(s->inventory, cursor, max, on_page, c);
        if (r == -EINVAL)
                return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS, "This is no cursor that List gave.");
        if (r < 0)
                return bus_error_set(error, r, "");
        TAKE_PTR(c);
        return 1;
}

int bus_get_counts(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Server *s = userdata;
        BusOptions options;

        int r = bus_read_options(m, 0, &options, error);
        if (r < 0)
                return r;
        InventoryCounts counts = inventory_counts(s->inventory);
        size_t pending = pending_secrets_expire(s->pending, server_boottime(s));
        uint64_t size;

        r = inventory_file_size(s->inventory, &size);
        if (r < 0)
                return r;
        return sd_bus_reply_method_return(m, "a{st}", 8, "devices", counts.devices, "issued", counts.issued, "pending",
                                          (uint64_t) pending, "issued-held", counts.held, "dropped-until",
                                          (uint64_t) counts.dropped_until, "bytes", size, "bytes-max",
                                          server_inventory_limit(s), "keep-issued",
                                          (uint64_t) s->settings->keep_issued);
}
