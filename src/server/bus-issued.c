/* SPDX-License-Identifier: MIT */
#include "server/bus-call.h"
#include "server/bus-end.h"
#include "server/bus-methods.h"
#include "server/bus-options.h"
#include "server/events.h"
#include "shared/log.h"
#include "shared/names.h"

#define LIST_PAGE_DEFAULT 100U

static int send_reply(BusCall *c, sd_bus_message *reply, int r) {
        if (r >= 0)
                r = sd_bus_send(NULL, reply, NULL);
        sd_bus_message_unref(reply);
        return r;
}

static void finish(BusCall *c, int error) {
        if (error < 0)
                bus_call_fail(c, error);
        else
                bus_call_free(c);
}

/* --- ListIssued --- */

static int append_certificate(sd_bus_message *m, const IssuedItem *i) {
        char serial[2 * AK_SERIAL_SIZE + 1], hash[DEVICE_HASH_TEXT + 1], sha256[2 * 32 + 1];
        const struct {
                const char *key, *value;
        } texts[] = { { "serial", serial }, { "ek-hash", hash }, { "sha256", sha256 },
                      { "reason", i->revoked > 0 ? revocation_reason_to_string(i->reason) : "" } };
        const struct {
                const char *key;
                int64_t value;
        } times[] = { { "issued", i->issued }, { "not-after", i->not_after }, { "revoked", i->revoked } };

        hex_encode(VIEW_ARRAY(i->serial), serial);
        hex_encode(VIEW_ARRAY(i->sha256), sha256);
        device_hash_format(i->ek_hash, hash);
        int r = sd_bus_message_open_container(m, 'a', "{sv}");
        for (size_t k = 0; r >= 0 && k < ELEMENTSOF(texts); k++)
                r = sd_bus_message_append(m, "{sv}", texts[k].key, "s", texts[k].value);
        for (size_t k = 0; r >= 0 && k < ELEMENTSOF(times); k++)
                r = sd_bus_message_append(m, "{sv}", times[k].key, "t", (uint64_t) times[k].value);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

static int send_page(BusCall *c, const IssuedItem *items, size_t n, const char *next) {
        sd_bus_message *reply = NULL;

        int r = sd_bus_message_new_method_return(c->message, &reply);
        if (r >= 0)
                r = sd_bus_message_open_container(reply, 'a', "a{sv}");
        for (size_t i = 0; r >= 0 && i < n; i++)
                r = append_certificate(reply, items + i);
        if (r >= 0)
                r = sd_bus_message_close_container(reply);
        if (r >= 0)
                r = sd_bus_message_append(reply, "s", next);
        return send_reply(c, reply, r);
}

static void on_issued(int error, const IssuedItem *items, size_t n, const char *next, void *userdata) {
        finish(userdata, error < 0 ? error : send_page(userdata, items, n, next));
}

int bus_list_issued(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        _cleanup_(bus_call_freep) BusCall *c = NULL;
        const char *device, *cursor;
        Server *s = userdata;
        BusOptions options;
        uint32_t max;

        int r = sd_bus_message_read(m, "ssu", &device, &cursor, &max);
        if (r >= 0)
                r = bus_read_options(m, 0, &options, error);
        if (r < 0)
                return r;
        max = max == 0 ? LIST_PAGE_DEFAULT : MIN_OF(max, INVENTORY_PAGE_MAX);
        c = bus_call_new(s, m, device);
        if (!c)
                return -ENOMEM;
        r = inventory_list_issued(s->inventory, device, cursor, max, on_issued, c);
        if (r == -EINVAL)
                return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS, "This is no cursor that ListIssued gave.");
        if (r < 0)
                return bus_error_set(error, r, device);
        TAKE_PTR(c);
        return 1;
}

/* --- Revoke --- */

static int read_revoke(sd_bus_message *m, const char **ret_what, RevocationReason *ret_reason, BusOptions *ret,
                       sd_bus_error *error) {
        BusOptions options;

        int r = sd_bus_message_read(m, "s", ret_what);
        if (r >= 0)
                r = bus_read_options(m, BUS_OPTION_REASON | BUS_OPTION_OPERATION, &options, error);
        if (r < 0)
                return r;
        if (!device_hash_valid(*ret_what) && !device_name_valid(*ret_what))
                return sd_bus_error_setf(error, ATTEZT_ERROR_NOT_FOUND,
                                         "This can be neither a serial number nor a hash nor a name.");
        *ret_reason = REVOKED_UNSPECIFIED;
        if (options.reason && revocation_reason_from_string(options.reason, ret_reason) < 0)
                return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS,
                                         "A reason is one of unspecified, key-compromise, affiliation-changed, superseded, "
                                         "cessation-of-operation, privilege-withdrawn.");
        *ret = options;
        return 0;
}

int bus_refine_revoke(sd_bus_message *m, void *userdata, AccessQuestion *q, sd_bus_error *error) {
        RevocationReason reason;
        BusOptions options;
        const char *what;

        int r = read_revoke(m, &what, &reason, &options, error);
        if (r < 0)
                return r;
        q->details[0] = "what";
        q->details[1] = what;
        return 0;
}

static void on_revoked(int error, const InventoryEnd *end, void *userdata) {
        if (error < 0)
                bus_call_fail(userdata, error);
        else
                bus_call_answer_end(userdata, end);
}

int bus_revoke(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        _cleanup_(bus_call_freep) BusCall *c = NULL;
        InventoryRevocation how = { .now = server_now() };
        Server *s = userdata;
        BusOptions options;
        const char *what;

        int r = read_revoke(m, &what, &how.reason, &options, error);
        if (r < 0)
                return r;
        c = bus_call_new(s, m, what);
        if (!c)
                return -ENOMEM;
        r = inventory_revoke(s->inventory, options.operation, what, &how, on_revoked, c);
        if (r < 0)
                return bus_error_set(error, r, what);
        TAKE_PTR(c);
        return 1;
}

/* --- ListLog --- */

static int send_log(BusCall *c, const LogBytes *entries, size_t n) {
        LogHead head = inventory_signed_state(c->server->inventory).head;
        sd_bus_message *reply = NULL;

        int r = sd_bus_message_new_method_return(c->message, &reply);
        if (r >= 0)
                r = sd_bus_message_open_container(reply, 'a', "ay");
        for (size_t i = 0; r >= 0 && i < n; i++)
                r = sd_bus_message_append_array(reply, 'y', entries[i].bytes, entries[i].size);
        if (r >= 0)
                r = sd_bus_message_close_container(reply);
        if (r >= 0)
                r = sd_bus_message_append(reply, "t", head.count);
        if (r >= 0)
                r = sd_bus_message_append_array(reply, 'y', head.hash, sizeof(head.hash));
        return send_reply(c, reply, r);
}

static void on_log(int error, const LogBytes *entries, size_t n, void *userdata) {
        finish(userdata, error < 0 ? error : send_log(userdata, entries, n));
}

int bus_list_log(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        _cleanup_(bus_call_freep) BusCall *c = NULL;
        Server *s = userdata;
        BusOptions options;
        uint64_t first;
        uint32_t max;

        int r = sd_bus_message_read(m, "tu", &first, &max);
        if (r >= 0)
                r = bus_read_options(m, 0, &options, error);
        if (r < 0)
                return r;
        if (first == 0)
                return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS, "Entries are counted from 1 on.");
        max = max == 0 ? LIST_PAGE_DEFAULT : MIN_OF(max, INVENTORY_LOG_PAGE_MAX);
        c = bus_call_new(s, m, "");
        if (!c)
                return -ENOMEM;
        r = inventory_list_log(s->inventory, first, max, on_log, c);
        if (r < 0)
                return bus_error_set(error, r, "");
        TAKE_PTR(c);
        return 1;
}
