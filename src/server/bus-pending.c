/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "protocol/device-words.h"
#include "server/bus-call.h"
#include "server/bus-methods.h"
#include "server/bus-options.h"
#include "server/events.h"
#include "shared/inventory-waiting.h"
#include "shared/log.h"
#include "shared/names.h"

#define APPROVE_OPTIONS                                                                                             \
        (BUS_OPTION_ANY_NAME | BUS_OPTION_PINNED | BUS_OPTION_AK_LIFETIME | BUS_OPTION_NOTE | BUS_OPTION_EXPIRES | \
         BUS_OPTION_OPERATION)
#define PENDING_PAGE_DEFAULT 100U

/* --- ListPending --- */

static int append_waiting(sd_bus_message *m, const WaitingDevice *d) {
        static const char *const evidence[] = {
                [EK_EVIDENCE_NONE] = "none",
                [EK_EVIDENCE_UNTRUSTED] = "untrusted",
                [EK_EVIDENCE_TRUSTED] = "trusted",
        };
        char hash[DEVICE_HASH_TEXT + 1], words[DEVICE_WORDS_TEXT_MAX];

        device_hash_format(d->ek_hash, hash);
        device_words_format(d->ek_hash, words);
        const struct {
                const char *key, *value;
        } texts[] = { { "ek-hash", hash },
                      { "words", words },
                      { "ek-certificate", evidence[d->evidence] },
                      { "issuer", d->issuer },
                      { "manufacturer", d->tpm.manufacturer },
                      { "model", d->tpm.model },
                      { "peer", d->peer } };
        int r = sd_bus_message_open_container(m, 'a', "{sv}");
        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(texts); i++)
                r = sd_bus_message_append(m, "{sv}", texts[i].key, "s", texts[i].value);
        if (r >= 0)
                r = sd_bus_message_append(m, "{sv}{sv}{sv}", "first-seen", "t", (uint64_t) d->first, "last-seen", "t",
                                          (uint64_t) d->last, "removed", "b", (int) d->removed);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

static int send_page(BusCall *c, const WaitingDevice *devices, size_t n, unsigned next) {
        char cursor[16] = "";
        sd_bus_message *reply = NULL;

        if (next > 0)
                (void) snprintf(cursor, sizeof(cursor), "%u", next);
        int r = sd_bus_message_new_method_return(c->message, &reply);
        if (r >= 0)
                r = sd_bus_message_open_container(reply, 'a', "a{sv}");
        for (size_t i = 0; r >= 0 && i < n; i++)
                r = append_waiting(reply, devices + i);
        if (r >= 0)
                r = sd_bus_message_close_container(reply);
        if (r >= 0)
                r = sd_bus_message_append(reply, "s", cursor);
        if (r >= 0)
                r = sd_bus_send(NULL, reply, NULL);
        sd_bus_message_unref(reply);
        return r;
}

static void on_page(int error, const WaitingDevice *devices, size_t n, unsigned next, void *userdata) {
        if (error >= 0)
                error = send_page(userdata, devices, n, next);
        if (error < 0)
                bus_call_fail(userdata, error);
        else
                bus_call_free(userdata);
}

static int parse_cursor(const char *text, unsigned *ret) {
        char *end;

        errno = 0;
        unsigned long n = strtoul(text, &end, 10);
        if (errno != 0 || *end || n > WAITING_DEVICES_MAX || (*text && (n == 0 || *text < '0' || *text > '9')))
                return -EINVAL;
        *ret = (unsigned) n;
        return 0;
}

int bus_list_pending(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        _cleanup_(bus_call_freep) BusCall *c = NULL;
        Server *s = userdata;
        const char *text;
        unsigned cursor;
        BusOptions o;
        uint32_t max;

        int r = sd_bus_message_read(m, "su", &text, &max);
        if (r >= 0)
                r = bus_read_options(m, 0, &o, error);
        if (r < 0)
                return r;
        if (parse_cursor(text, &cursor) < 0)
                return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS, "This is no cursor that ListPending gave.");
        c = bus_call_new(s, m, "");
        if (!c)
                return -ENOMEM;
        max = max == 0 ? PENDING_PAGE_DEFAULT : MIN_OF(max, INVENTORY_PAGE_MAX);
        r = inventory_list_waiting(s->inventory, cursor, max, server_now(), on_page, c);
        if (r < 0)
                return bus_error_set(error, r, "");
        TAKE_PTR(c);
        return 1;
}

/* --- Approve --- */

/* Part of a hash, or some of the words, is nobody. */
static int read_text(sd_bus_message *m, const char **ret, sd_bus_error *error) {
        uint64_t bits;

        int r = sd_bus_message_read(m, "s", ret);
        if (r < 0)
                return r;
        if (!device_hash_valid(*ret) && device_words_parse(*ret, &bits) < 0)
                return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS,
                                         "All six words, please, or the whole hash: part of them could be another's.");
        return 0;
}

static int read_approve(sd_bus_message *m, const char **ret_text, Device *ret, sd_bus_error *error) {
        Device d = {};

        int r = read_text(m, ret_text, error);
        if (r >= 0)
                r = bus_read_new_device(m, APPROVE_OPTIONS, &d, error);
        if (r < 0)
                return r;
        *ret = d;
        return 0;
}

/* Words become the hash that they stand for, where they stand for one; else polkit is told what was given. ret_past: what
 * else it is told. */
static int hash_detail(Server *s, const char *text, const char **ret_hash, DevicePast *ret_past, sd_bus_error *error) {
        DevicePast past = {};

        int r = inventory_past(s->inventory, text, server_now(), &past);
        if (r < 0 && r != -ENOENT && r != -EMLINK)
                return bus_error_set(error, r, text);
        if (r >= 0)
                device_hash_format(past.ek_hash, s->bus_hash);
        *ret_hash = r < 0 ? text : s->bus_hash;
        *ret_past = past;
        return 0;
}

int bus_refine_approve(sd_bus_message *m, void *userdata, AccessQuestion *q, sd_bus_error *error) {
        Server *s = userdata;
        const char *text, *hash;
        DeviceNames names;
        DevicePast past;
        Device d;

        int r = read_approve(m, &text, &d, error);
        if (r >= 0)
                r = hash_detail(s, text, &hash, &past, error);
        if (r < 0)
                return r;
        names.n = d.n_names;
        memcpy(names.list, d.names, sizeof(names.list));
        bus_join_names(s, &names, NULL);
        (void) snprintf(s->bus_number, sizeof(s->bus_number), "%lld", (long long) d.ak_lifetime);
        const char *const details[] = {
                "hash", hash,
                "name", d.any_name ? "(any name)" : s->bus_names,
                "any-name", d.any_name ? "true" : "false",
                "pinned", d.pinned ? "true" : "false",
                "ak-lifetime", s->bus_number,
                "removed", past.removed ? "true" : "false",
                "denied", past.denied ? "true" : "false",
                NULL,
        };
        memcpy(q->details, details, sizeof(details));
        return 0;
}

static int set_error(sd_bus_error *e, int error, const char *text) {
        switch (error) {
        case -ENOENT:
                return sd_bus_error_setf(e, ATTEZT_ERROR_NOT_FOUND, "No device \"%s\" waits for approval.", text);
        case -EKEYREJECTED:
                return sd_bus_error_setf(e, ATTEZT_ERROR_INVALID,
                                         "No trusted issuer stands behind the EK certificate of this device. Trust its "
                                         "issuer, and let the device ask again (if it was denied: after its entry was "
                                         "removed), or approve it with \"pinned\".");
        case -EMLINK:
                return sd_bus_error_setf(e, ATTEZT_ERROR_INVALID,
                                         "Several devices that wait have these words. Give the whole hash of the one that "
                                         "is meant; the words do not tell them apart.");
        default:
                return bus_error_set(e, error, text);
        }
}

static void answer(BusCall *c, int error, const Device *device, sd_id128_t id, const char *what) {
        sd_bus_error e = SD_BUS_ERROR_NULL;

        if (error < 0) {
                (void) set_error(&e, error, c->device);
                (void) sd_bus_reply_method_error(c->message, &e);
                sd_bus_error_free(&e);
                bus_call_free(c);
                return;
        }
        bus_log_device(c, device, id, what);
        bus_emit(c->server, "PendingChanged");
        bus_emit(c->server, "InventoryChanged");
        bus_call_answer_device(c, device);
}

static void on_approved(int error, const Device *device, void *userdata) {
        answer(userdata, error, device, EVENT_APPROVED, "Approved");
}

int bus_approve(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        _cleanup_(bus_call_freep) BusCall *c = NULL;
        Server *s = userdata;
        const char *text;
        Device d;

        int r = read_approve(m, &text, &d, error);
        if (r < 0)
                return r;
        d.created = server_now();
        c = bus_call_new(s, m, text);
        if (!c)
                return -ENOMEM;
        r = inventory_approve(s->inventory, text, &d, on_approved, c);
        if (r < 0)
                return bus_error_set(error, r, text);
        TAKE_PTR(c);
        return 1;
}

/* --- Deny --- */

static int read_deny(sd_bus_message *m, const char **ret_text, BusOptions *ret, sd_bus_error *error) {
        int r = read_text(m, ret_text, error);
        return r < 0 ? r : bus_read_options(m, BUS_OPTION_OPERATION, ret, error);
}

int bus_refine_deny(sd_bus_message *m, void *userdata, AccessQuestion *q, sd_bus_error *error) {
        const char *text, *hash;
        DevicePast past;
        BusOptions o;

        int r = read_deny(m, &text, &o, error);
        if (r >= 0)
                r = hash_detail(userdata, text, &hash, &past, error);
        if (r < 0)
                return r;
        q->details[0] = "hash";
        q->details[1] = hash;
        return 0;
}

static void on_denied(int error, const Device *device, void *userdata) {
        answer(userdata, error, device, EVENT_REFUSED, "Denied");
}

int bus_deny(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        _cleanup_(bus_call_freep) BusCall *c = NULL;
        Server *s = userdata;
        const char *text;
        BusOptions o;

        int r = read_deny(m, &text, &o, error);
        if (r < 0)
                return r;
        c = bus_call_new(s, m, text);
        if (!c)
                return -ENOMEM;
        r = inventory_deny(s->inventory, o.operation, text, server_now(), on_denied, c);
        if (r < 0)
                return bus_error_set(error, r, text);
        TAKE_PTR(c);
        return 1;
}

/* --- ClearPending --- */

static int read_clear(sd_bus_message *m, BusOptions *ret, WaitingFilter *ret_filter, sd_bus_error *error) {
        WaitingFilter f = {};
        BusOptions o;

        int r = bus_read_options(m, BUS_OPTION_SOURCE | BUS_OPTION_UNTRUSTED, &o, error);
        if (r < 0)
                return r;
        f.untrusted = o.untrusted;
        if (o.source && waiting_filter_source(&f, o.source) < 0)
                return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS, "A source is an address, without a port.");
        *ret = o;
        *ret_filter = f;
        return 0;
}

int bus_refine_clear_pending(sd_bus_message *m, void *userdata, AccessQuestion *q, sd_bus_error *error) {
        WaitingFilter filter;
        BusOptions o;

        int r = read_clear(m, &o, &filter, error);
        if (r < 0)
                return r;
        const char *const details[] = {
                "hash", "(several)", "source", o.source ?: "", "untrusted", o.untrusted ? "true" : "false", NULL,
        };
        memcpy(q->details, details, sizeof(details));
        return 0;
}

static void on_cleared(int result, void *userdata) {
        BusCall *c = userdata;
        char uid[EVENTS_UID_TEXT_MAX];
        const char *fields[] = { "ATTEZT_UID", events_format_uid(c->uid, uid), NULL };

        if (result < 0) {
                bus_call_fail(c, result);
                return;
        }
        log_event(LOG_NOTICE, EVENT_PENDING_CLEARED, fields, "Forgotten: %d device%s that waited for approval.", result,
                  result == 1 ? "" : "s");
        bus_emit(c->server, "PendingChanged");
        (void) sd_bus_reply_method_return(c->message, "u", (uint32_t) result);
        bus_call_free(c);
}

int bus_clear_pending(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        _cleanup_(bus_call_freep) BusCall *c = NULL;
        Server *s = userdata;
        WaitingFilter filter;
        BusOptions o;

        int r = read_clear(m, &o, &filter, error);
        if (r < 0)
                return r;
        c = bus_call_new(s, m, "");
        if (!c)
                return -ENOMEM;
        r = inventory_clear_waiting(s->inventory, &filter, server_now(), on_cleared, c);
        if (r < 0)
                return bus_error_set(error, r, "");
        TAKE_PTR(c);
        return 1;
}
