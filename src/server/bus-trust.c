/* SPDX-License-Identifier: MIT */
#include "protocol/certificate.h"
#include "protocol/ek-trust.h"
#include "server/bus-call.h"
#include "server/bus-methods.h"
#include "server/bus-options.h"
#include "server/events.h"
#include "server/server-trust.h"
#include "shared/log.h"
#include "shared/names.h"

#define LIST_PAGE_MAX 32U /* of up to 16 KiB each */

/* What a change is about, as its arguments have it. */
typedef struct Change {
        TrustEntry entry;
        char vendor[TPM_VENDOR_MAX_NAME + 1];
        const char *source;
} Change;

static void change_done(Change *c) {
        trust_entry_done(&c->entry);
}
#define _cleanup_change_ _cleanup_(change_done)

static int fail(sd_bus_error *error, int r) {
        switch (r) {
        case -E2BIG:
                return sd_bus_error_setf(error, ATTEZT_ERROR_FAILED,
                                         "The trust store has %u certificates already: no more.", TRUST_KEPT_MAX);
        case -ENOENT:
                return sd_bus_error_setf(error, ATTEZT_ERROR_NOT_FOUND,
                                         "No such certificate is kept in the trust store.");
        default:
                log_error_errno(r, "The trust store failed: %m");
                return sd_bus_error_setf(error, ATTEZT_ERROR_FAILED, "The trust store failed: %s.", strerror(-r));
        }
}

/* --- Arguments --- */

static int no_certificate(sd_bus_error *error) {
        return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS,
                                 "This is no certificate in DER, of %u bytes at most, with nothing behind it.",
                                 EK_CERTIFICATE_SIZE_MAX);
}

/* The outer structure alone is looked at, and of nobody who may not do this: what is in a certificate is for the caller
 * to know, and for the front. */
static int look_at_certificate(const Change *c, sd_bus_error *error) {
        CertificateParts parts;

        return certificate_parts(bytes_view(&c->entry.der), &parts) < 0 ? no_certificate(error) : 0;
}

static int take_certificate(TrustEntry *e, const void *data, size_t size, sd_bus_error *error) {
        if (size == 0 || size > EK_CERTIFICATE_SIZE_MAX)
                return no_certificate(error);
        trust_fingerprint(VIEW(data, size), e->fingerprint);
        return bytes_copy(VIEW(data, size), &e->der);
}

static int take_options(Change *c, const BusOptions *o, sd_bus_error *error) {
        c->source = o->source ?: "";
        if (trust_source_set(&c->entry.record, c->source) < 0)
                return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS, "A source has at most %u bytes.",
                                         TRUST_SOURCE_MAX);
        if (trust_vendor_parse(o->vendor ?: "", c->entry.place.vendor) < 0)
                return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS,
                                         "A vendor has 1 to 31 of A-Z a-z 0-9 . _ - and begins with a letter or "
                                         "digit.");
        c->entry.place.anchors = o->anchor;
        return 0;
}

static int read_add(sd_bus_message *m, Change *ret, sd_bus_error *error) {
        _cleanup_change_ Change c = {};
        BusOptions options;
        const void *data;
        size_t size;

        int r = sd_bus_message_read_array(m, 'y', &data, &size);
        if (r >= 0)
                r = bus_read_options(m, BUS_OPTION_VENDOR | BUS_OPTION_ANCHOR | BUS_OPTION_SOURCE, &options, error);
        if (r >= 0)
                r = take_certificate(&c.entry, data, size, error);
        if (r >= 0)
                r = take_options(&c, &options, error);
        if (r < 0)
                return r;
        *ret = TAKE_GENERIC(c, (Change) {});
        return 0;
}

/* With a certificate it is to be distrusted, which is kept; without, it is to be kept no more. */
static int read_remove(sd_bus_message *m, Change *ret, sd_bus_error *error) {
        _cleanup_change_ Change c = {};
        char fingerprint[TRUST_FINGERPRINT_TEXT + 1];
        BusOptions options;
        const char *text;

        int r = sd_bus_message_read(m, "s", &text);
        if (r >= 0)
                r = bus_read_options(m, BUS_OPTION_CERTIFICATE | BUS_OPTION_SOURCE, &options, error);
        if (r < 0)
                return r;
        if (trust_fingerprint_parse(text, fingerprint) < 0)
                return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS,
                                         "A fingerprint is SHA-256, %u hexadecimal digits.", TRUST_FINGERPRINT_TEXT);
        if (options.certificate)
                r = take_certificate(&c.entry, options.certificate, options.certificate_size, error);
        if (r >= 0)
                r = take_options(&c, &options, error);
        if (r < 0)
                return r;
        if (options.certificate && strcmp(fingerprint, c.entry.fingerprint) != 0)
                return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS, "The certificate has another fingerprint.");
        strcpy(c.entry.fingerprint, fingerprint);
        c.entry.place = (TrustPlace) { .distrusted = options.certificate };
        *ret = TAKE_GENERIC(c, (Change) {});
        return 0;
}

/* --- What polkit is told --- */

static void tell_polkit(Server *s, const Change *c, const char *change, AccessQuestion *q) {
        /* Borrowed until the question is sent. */
        (void) snprintf(s->bus_names, sizeof(s->bus_names), "%s", c->entry.fingerprint);
        char *vendor = s->bus_names + TRUST_FINGERPRINT_TEXT + 1;
        strcpy(vendor, c->entry.place.vendor);
        const char *const details[] = { "change", change, "fingerprint", s->bus_names, "vendor", vendor,
                                        "anchor", c->entry.place.anchors ? "true" : "false", NULL };
        memcpy(q->details, details, sizeof(details));
}

int bus_refine_add_trust(sd_bus_message *m, void *userdata, AccessQuestion *q, sd_bus_error *error) {
        _cleanup_change_ Change c = {};

        int r = read_add(m, &c, error);
        if (r >= 0)
                tell_polkit(userdata, &c, "add", q);
        return r;
}

int bus_refine_remove_trust(sd_bus_message *m, void *userdata, AccessQuestion *q, sd_bus_error *error) {
        _cleanup_change_ Change c = {};

        int r = read_remove(m, &c, error);
        if (r >= 0)
                tell_polkit(userdata, &c, c.entry.place.distrusted ? "distrust" : "remove", q);
        return r;
}

/* --- AddTrust, RemoveTrust --- */

static void log_change(const Server *s, const TrustEntry *e, const char *what) {
        char source[LOG_ESCAPED_MAX], uid[EVENTS_UID_TEXT_MAX];
        const char *fields[] = { "ATTEZT_CERTIFICATE", e->fingerprint, "ATTEZT_UID",
                                 events_format_uid(access_caller_uid(s->access), uid), NULL };

        log_event(LOG_NOTICE, EVENT_TRUST_CHANGED, fields, "Trust store: %s %s%s%s, by uid %s, from \"%s\".", what,
                  e->fingerprint, e->place.vendor[0] ? " of " : "", e->place.vendor, uid,
                  log_escape(e->record.source, strlen(e->record.source), source));
}

static void sign_record(const Server *s, TrustEntry *e) {
        e->record.added = server_now();
        e->record.uid = access_caller_uid(s->access);
}

int bus_add_trust(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        _cleanup_change_ Change c = {};
        Server *s = userdata;

        int r = read_add(m, &c, error);
        if (r >= 0)
                r = look_at_certificate(&c, error);
        if (r < 0)
                return r;
        sign_record(s, &c.entry);
        int added = server_trust_put(s, &c.entry);
        if (added < 0)
                return fail(error, added);
        log_change(s, &c.entry, added ? "added" : "changed");
        return sd_bus_reply_method_return(m, "sb", c.entry.fingerprint, added);
}

int bus_remove_trust(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        _cleanup_change_ Change c = {};
        Server *s = userdata;

        int r = read_remove(m, &c, error);
        if (r >= 0 && c.entry.place.distrusted)
                r = look_at_certificate(&c, error);
        if (r < 0)
                return r;
        sign_record(s, &c.entry);
        r = c.entry.place.distrusted ? server_trust_put(s, &c.entry) : server_trust_remove(s, c.entry.fingerprint);
        if (r < 0)
                return fail(error, r);
        log_change(s, &c.entry, c.entry.place.distrusted ? "distrusted" : "removed");
        return sd_bus_reply_method_return(m, NULL);
}

/* --- ListTrust --- */

static int append_bytes(sd_bus_message *m, const char *key, ByteView v) {
        int r = sd_bus_message_open_container(m, 'e', "sv");
        if (r >= 0)
                r = sd_bus_message_append(m, "s", key);
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'v', "ay");
        if (r >= 0)
                r = sd_bus_message_append_array(m, 'y', v.data, v.size);
        if (r >= 0)
                r = sd_bus_message_close_container(m);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

static int append_entry(sd_bus_message *m, const TrustEntry *e) {
        int r = sd_bus_message_open_container(m, 'a', "{sv}");
        if (r >= 0)
                r = append_bytes(m, "certificate", bytes_view(&e->der));
        if (r >= 0)
                r = sd_bus_message_append(m, "{sv}", "fingerprint", "s", e->fingerprint);
        if (r >= 0)
                r = sd_bus_message_append(m, "{sv}", "vendor", "s", e->place.vendor);
        if (r >= 0)
                r = sd_bus_message_append(m, "{sv}", "anchor", "b", (int) e->place.anchors);
        if (r >= 0)
                r = sd_bus_message_append(m, "{sv}", "distrusted", "b", (int) e->place.distrusted);
        if (r >= 0)
                r = sd_bus_message_append(m, "{sv}", "source", "s", e->record.source);
        if (r >= 0)
                r = sd_bus_message_append(m, "{sv}", "uid", "u", e->record.uid);
        if (r >= 0)
                r = sd_bus_message_append(m, "{sv}", "added", "t", (uint64_t) e->record.added);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

/* Those behind the cursor; *ret_next is the last one of a page that is not the last. */
static int append_page(Server *s, sd_bus_message *m, const char *cursor, uint32_t max, const char **ret_next) {
        const TrustList *l = &s->trust_list;
        const char *last = "";
        uint32_t n = 0;
        size_t i = 0;

        while (i < l->n && strcmp(l->entries[i].fingerprint, cursor) <= 0)
                i++;
        for (; i < l->n && n < max; i++) {
                _cleanup_trust_entry_ TrustEntry e = {};

                last = l->entries[i].fingerprint;
                int r = server_trust_read(s, &l->entries[i], &e);
                if (r < 0) {
                        log_warning_errno(r, "The trust store's file of %s cannot be read: %m", last);
                        continue;
                }
                r = append_entry(m, &e);
                if (r < 0)
                        return r;
                n++;
        }
        *ret_next = i < l->n ? last : "";
        return 0;
}

int bus_list_trust(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        sd_bus_message *reply = NULL;
        const char *cursor, *next = "";
        Server *s = userdata;
        BusOptions options;
        uint32_t max;

        int r = sd_bus_message_read(m, "su", &cursor, &max);
        if (r >= 0)
                r = bus_read_options(m, 0, &options, error);
        if (r < 0)
                return r;
        r = server_trust_list(s);
        if (r < 0)
                return fail(error, r);
        r = sd_bus_message_new_method_return(m, &reply);
        if (r >= 0)
                r = sd_bus_message_open_container(reply, 'a', "a{sv}");
        if (r >= 0)
                r = append_page(s, reply, cursor, max == 0 ? LIST_PAGE_MAX : MIN_OF(max, LIST_PAGE_MAX), &next);
        if (r >= 0)
                r = sd_bus_message_close_container(reply);
        if (r >= 0)
                r = sd_bus_message_append(reply, "s", next);
        if (r >= 0)
                r = sd_bus_send(NULL, reply, NULL);
        sd_bus_message_unref(reply);
        return r < 0 ? r : 1;
}
