/* SPDX-License-Identifier: MIT */
#include "cli/ca-trust.h"

#include <stdio.h>

#include "cli/ca.h"

#define LIST_PAGE 32U

static void item_done(TrustItem *i) {
        bytes_done(&i->der);
        free(i->path);
        free(i->source);
}

void trust_view_done(TrustView *v) {
        for (size_t i = 0; i < v->n; i++)
                item_done(&v->items[i]);
        free(v->items);
        ek_trust_free(v->trust);
        trust_settings_done(&v->settings);
        *v = (TrustView) {};
}

const char *trust_error_text(int error) {
        switch (error) {
        case -EINVAL:
                return "it holds no certificate";
        case -EKEYREJECTED:
                return "it is not the certificate of a CA for EKs";
        case -EKEYREVOKED:
                return "it is distrusted";
        case -EFBIG:
                return "it is too large";
        default:
                return strerror(-error);
        }
}

const char *trust_name(ByteView name, char ret[static TRUST_NAME_TEXT]) {
        certificate_name_text(name, ret, TRUST_NAME_TEXT);
        return ret;
}

const char *trust_kind(const EkIssuer *issuer) {
        if (!issuer)
                return "distrusted";
        if (!issuer->anchor)
                return "intermediate";
        return view_equal(issuer->parts.subject, issuer->parts.issuer) ? "root" : "anchor";
}

TrustItem *trust_view_find(const TrustView *v, const char *fingerprint) {
        for (size_t i = 0; i < v->n; i++)
                if (strcmp(v->items[i].fingerprint, fingerprint) == 0)
                        return &v->items[i];
        return NULL;
}

/* The item of this certificate, a new one if there is none. */
static int take_item(TrustView *v, ByteView der, TrustItem **ret) {
        TrustItem new = {};

        trust_fingerprint(der, new.fingerprint);
        TrustItem *there = trust_view_find(v, new.fingerprint);
        if (!there) {
                TrustItem *more = reallocarray(v->items, v->n + 1, sizeof(*more));
                if (!more)
                        return -ENOMEM;
                v->items = more;
                int r = bytes_copy(der, &new.der);
                if (r < 0)
                        return r;
                there = &more[v->n++];
                *there = new;
        }
        *ret = there;
        return 0;
}

/* --- What atteztd keeps --- */

typedef struct Kept {
        const void *der;
        size_t size;
        const char *vendor, *source;
        int anchor, distrusted;
        uint32_t uid;
        uint64_t added;
} Kept;

static int read_value(sd_bus_message *m, const char *key, Kept *k) {
        const struct {
                const char *key, *type;
                void *to;
        } members[] = {
                { "vendor", "s", &k->vendor }, { "source", "s", &k->source }, { "anchor", "b", &k->anchor },
                { "distrusted", "b", &k->distrusted }, { "uid", "u", &k->uid }, { "added", "t", &k->added },
        };

        for (size_t i = 0; i < ELEMENTSOF(members); i++)
                if (strcmp(members[i].key, key) == 0)
                        return sd_bus_message_read(m, "v", members[i].type, members[i].to);
        if (strcmp(key, "certificate") != 0)
                return sd_bus_message_skip(m, "v");
        int r = sd_bus_message_enter_container(m, 'v', "ay");
        if (r >= 0)
                r = sd_bus_message_read_array(m, 'y', &k->der, &k->size);
        return r < 0 ? r : sd_bus_message_exit_container(m);
}

static int read_kept(sd_bus_message *m, Kept *ret) {
        Kept k = { .vendor = "", .source = "" };
        const char *key;

        int r = sd_bus_message_enter_container(m, 'a', "{sv}");
        while (r >= 0 && (r = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
                r = sd_bus_message_read_basic(m, 's', &key);
                if (r >= 0)
                        r = read_value(m, key, &k);
                if (r >= 0)
                        r = sd_bus_message_exit_container(m);
        }
        if (r >= 0)
                r = sd_bus_message_exit_container(m);
        if (r < 0)
                return r;
        *ret = k;
        return 0;
}

static int add_kept(TrustView *v, const Kept *k) {
        const EkOrigin origin = {
                .vendor = k->vendor,
                .allow = ek_policy_allow(&v->settings.policy, k->vendor),
                .anchor = k->anchor,
        };
        ByteView der = VIEW(k->der, k->size);
        const EkIssuer *issuer = NULL;
        TrustItem *item;

        int r = k->distrusted ? ek_trust_distrust(v->trust, der) : ek_trust_add(v->trust, der, &origin, &issuer);
        if (r < 0 && r != -EEXIST) {
                if (r == -ENOMEM)
                        return r;
                log_warning("What atteztd keeps of \"%s\" is left out: %s.", k->source, trust_error_text(r));
                v->n_skipped++;
                return 0;
        }
        r = take_item(v, der, &item);
        if (r < 0)
                return r;
        item->issuer = issuer;
        item->kept = true;
        item->added = (int64_t) k->added;
        item->uid = k->uid;
        item->source = strdup(k->source);
        return item->source ? 0 : -ENOMEM;
}

static int read_page(TrustView *v, sd_bus_message *reply, char **cursor) {
        const char *next;

        int r = sd_bus_message_enter_container(reply, 'a', "a{sv}");
        while (r >= 0 && (r = sd_bus_message_at_end(reply, false)) == 0) {
                Kept k;

                r = read_kept(reply, &k);
                if (r >= 0)
                        r = add_kept(v, &k);
        }
        if (r > 0)
                r = sd_bus_message_exit_container(reply);
        if (r >= 0)
                r = sd_bus_message_read(reply, "s", &next);
        if (r < 0)
                return r;
        free(*cursor);
        *cursor = strdup(next);
        return *cursor ? 0 : -ENOMEM;
}

static int load_kept(Cli *c, TrustView *v) {
        _cleanup_free_ char *cursor = strdup("");

        if (!cursor)
                return cli_failed(-ENOMEM, "make a list");
        do {
                _cleanup_message_ sd_bus_message *m = NULL, *reply = NULL;

                int status = cli_new_call(c, ATTEZT_SERVER_INTERFACE, "ListTrust", &m);
                if (status != EXIT_SUCCESS)
                        return status;
                int r = sd_bus_message_append(m, "su", cursor, LIST_PAGE);
                if (r >= 0)
                        r = ca_append_no_options(m);
                if (r < 0)
                        return cli_failed(r, "make a message");
                status = cli_call(c, m, &reply);
                if (status != EXIT_SUCCESS)
                        return status;
                r = read_page(v, reply, &cursor);
                if (r < 0)
                        return cli_failed(r, "read the answer");
        } while (cursor[0]);
        return EXIT_SUCCESS;
}

/* --- The directories --- */

static void on_skipped(const char *path, int error, void *userdata) {
        TrustView *v = userdata;

        v->n_skipped++;
        log_warning("%s is left out: %s.", path, trust_error_text(error));
}

/* Out of memory: it is only shown that less is there. */
static void add_found(TrustView *v, const char *path, ByteView der, const EkIssuer *issuer) {
        TrustItem *item;

        if (take_item(v, der, &item) < 0)
                return;
        item->issuer = issuer;
        if (!item->path)
                item->path = strdup(path);
}

static void on_loaded(const char *path, const EkIssuer *issuer, bool new, void *userdata) {
        add_found(userdata, path, issuer->parts.der, issuer);
}

static void on_distrusted(const char *path, ByteView der, void *userdata) {
        add_found(userdata, path, der, NULL);
}

int trust_view_load(Cli *c, const char *directory, TrustView *ret) {
        static const TrustStoreCallbacks callbacks = { .skipped = on_skipped, .loaded = on_loaded,
                                                       .distrusted = on_distrusted };
        _cleanup_trust_view_ TrustView v = {};

        int r = trust_settings_load(false, &v.settings);
        if (r >= 0)
                r = ek_trust_new(&v.trust);
        if (r < 0)
                return cli_failed(r, "read the settings of attezt-http");
        if (!directory) {
                int status = load_kept(c, &v);
                if (status != EXIT_SUCCESS)
                        return status;
        }
        const char *const only[] = { directory, NULL };
        r = trust_store_load_into(v.trust, directory ? only : (const char *const *) v.settings.directories,
                                  &v.settings.policy, &callbacks, &v);
        if (r < 0)
                return cli_failed(r, "read the trust store");
        *ret = TAKE_GENERIC(v, (TrustView) {});
        return EXIT_SUCCESS;
}
