/* SPDX-License-Identifier: MIT */
#include "cli/nm-update.h"

#include <stdio.h>

#define VALUE_MAX 4096U /* bytes of a path or URI */
#define NOT_REQUIRED 4  /* NM_SETTING_SECRET_FLAG_NOT_REQUIRED */
#define CERTIFICATE_URI "pkcs11:token=Attestation%20Trust;object=Attezt%20TPM%20Certificate;type=cert"
#define KEY_URI "pkcs11:token=Attestation%20Trust;object=Attezt%20TPM%20key;type=private"

/* --- New values --- */

/* A certificate or key is a URI with the NUL that ends it. */
static int add_uri(struct json_object *o, const char *key, const char *uri) {
        return json_add_base64(o, key, VIEW(uri, strlen(uri) + 1));
}

static int add_file(struct json_object *o, const char *key, const char *path) {
        _cleanup_free_ char *uri = NULL;

        if (asprintf(&uri, "file://%s", path) < 0) {
                uri = NULL;
                return -ENOMEM;
        }
        return add_uri(o, key, uri);
}

/* What is not ours to say stays. */
static int keep(struct json_object *o, const char *key, struct json_object *before) {
        struct json_object *v;

        return json_object_object_get_ex(before, key, &v) ? json_add(o, key, json_object_get(v)) : 0;
}

/* All of them: NetworkManager believes a server that one of them vouches for. */
static int keep_cas(struct json_object *o, struct json_object *before) {
        int r = keep(o, "ca-cert", before);
        if (r >= 0)
                r = keep(o, "ca-path", before);
        return r < 0 ? r : keep(o, "system-ca-certs", before);
}

int nm_values_new(const NmLogin *l, struct json_object *before, struct json_object **ret) {
        _cleanup_json_ struct json_object *o = NULL;
        struct json_object *eap;
        int r;

        if ((r = json_new_object(&o)) < 0 || (r = json_new_array(&eap)) < 0 || (r = json_add(o, "eap", eap)) < 0 ||
            (r = json_append(eap, json_object_new_string("tls"))) < 0 ||
            (r = json_add_text(o, "identity", l->identity)) < 0 ||
            (r = add_uri(o, "client-cert", CERTIFICATE_URI)) < 0 || (r = add_uri(o, "private-key", KEY_URI)) < 0 ||
            (r = json_add(o, "client-cert-password-flags", json_object_new_int(NOT_REQUIRED))) < 0 ||
            (r = json_add(o, "private-key-password-flags", json_object_new_int(NOT_REQUIRED))) < 0)
                return r;
        r = l->ca_file ? add_file(o, "ca-cert", l->ca_file) : keep_cas(o, before);
        if (r >= 0)
                r = l->server_name ? json_add_text(o, "domain-suffix-match", l->server_name) :
                                     keep(o, "domain-suffix-match", before);
        if (r >= 0)
                *ret = TAKE_PTR(o);
        return r;
}

/* --- Writing --- */

static int append_contents(sd_bus_message *m, const char *type, struct json_object *v) {
        _cleanup_bytes_ Bytes bytes = BYTES_NULL;
        int r = 0;

        if (strcmp(type, "s") == 0)
                return sd_bus_message_append(m, "s", json_object_get_string(v));
        if (strcmp(type, "b") == 0)
                return sd_bus_message_append(m, "b", (int) json_object_get_boolean(v));
        if (strcmp(type, "u") == 0)
                return sd_bus_message_append(m, "u", (uint32_t) json_object_get_int64(v));
        if (strcmp(type, "ay") == 0) {
                r = json_value_base64(v, VALUE_MAX, &bytes);
                return r < 0 ? r : sd_bus_message_append_array(m, 'y', bytes.data, bytes.size);
        }
        r = sd_bus_message_open_container(m, 'a', "s");
        for (size_t i = 0; r >= 0 && i < json_object_array_length(v); i++)
                r = sd_bus_message_append(m, "s", json_object_get_string(json_object_array_get_idx(v, i)));
        return r < 0 ? r : sd_bus_message_close_container(m);
}

static int append_values(sd_bus_message *m, struct json_object *values) {
        struct json_object *v;
        int r = 0;

        for (size_t i = 0; r >= 0 && i < NM_OWNED; i++) {
                if (!json_object_object_get_ex(values, nm_owned[i].key, &v))
                        continue;
                if ((r = sd_bus_message_open_container(m, 'e', "sv")) < 0 ||
                    (r = sd_bus_message_append(m, "s", nm_owned[i].key)) < 0 ||
                    (r = sd_bus_message_open_container(m, 'v', nm_owned[i].type)) < 0 ||
                    (r = append_contents(m, nm_owned[i].type, v)) < 0 || (r = sd_bus_message_close_container(m)) < 0)
                        return r;
                r = sd_bus_message_close_container(m);
        }
        return r;
}

/* {"data": others' entries and, if there is one, ours}. in: positioned at the variant, or NULL. */
static int append_user_data(sd_bus_message *in, const char *saved, sd_bus_message *m) {
        const char *key, *value;
        int r;

        if ((r = sd_bus_message_open_container(m, 'e', "sv")) < 0 || (r = sd_bus_message_append(m, "s", "data")) < 0 ||
            (r = sd_bus_message_open_container(m, 'v', "a{ss}")) < 0 ||
            (r = sd_bus_message_open_container(m, 'a', "{ss}")) < 0)
                return r;
        if (in)
                r = sd_bus_message_enter_container(in, 'v', "a{ss}");
        if (in && r >= 0)
                r = sd_bus_message_enter_container(in, 'a', "{ss}");
        while (in && r >= 0 && (r = sd_bus_message_read(in, "{ss}", &key, &value)) > 0)
                if (strcmp(key, NM_SAVED_KEY) != 0)
                        r = sd_bus_message_append(m, "{ss}", key, value);
        if (in && r >= 0 && (r = sd_bus_message_exit_container(in)) >= 0)
                r = sd_bus_message_exit_container(in);
        if (r >= 0 && saved)
                r = sd_bus_message_append(m, "{ss}", NM_SAVED_KEY, saved);
        for (unsigned i = 0; r >= 0 && i < 3; i++)
                r = sd_bus_message_close_container(m);
        return r;
}

typedef struct Copy {
        sd_bus_message *m;
        const NmUpdate *update;
        const char *setting;
} Copy;

static int copy_entry(sd_bus_message *in, const char *setting, const char *key, void *userdata) {
        const Copy *copy = userdata;
        int r;

        if (strcmp(setting, "802-1x") == 0 && nm_find_owned(key))
                return sd_bus_message_skip(in, "v");
        if (strcmp(setting, "user") == 0 && strcmp(key, "data") == 0)
                return append_user_data(in, copy->update->saved, copy->m);
        r = sd_bus_message_open_container(copy->m, 'e', "sv");
        if (r >= 0)
                r = sd_bus_message_append(copy->m, "s", key);
        if (r >= 0)
                r = sd_bus_message_copy(copy->m, in, false);
        return r < 0 ? r : sd_bus_message_close_container(copy->m);
}

static int open_setting(sd_bus_message *m, const char *name) {
        int r = sd_bus_message_open_container(m, 'e', "sa{sv}");
        if (r >= 0)
                r = sd_bus_message_append(m, "s", name);
        return r < 0 ? r : sd_bus_message_open_container(m, 'a', "{sv}");
}

static int close_setting(sd_bus_message *m) {
        int r = sd_bus_message_close_container(m);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

/* What GetSettings does not give, in its place: an Update without them loses them. */
static int copy_secrets(sd_bus_message *in, const char *setting, void *userdata) {
        const Copy *copy = userdata;

        return strcmp(setting, copy->setting) == 0 ? nm_walk_setting(in, setting, copy_entry, userdata) :
                                                     sd_bus_message_skip(in, "a{sv}");
}

static int append_secrets(Copy *copy, const char *setting) {
        int r = 0;

        copy->setting = setting;
        for (size_t i = 0; i < NM_SECRETS && r >= 0; i++)
                if (copy->update->secrets[i])
                        r = nm_walk(copy->update->secrets[i], copy_secrets, copy);
        return r;
}

static int copy_setting(sd_bus_message *in, const char *setting, void *userdata) {
        Copy *copy = userdata;
        const NmUpdate *u = copy->update;
        bool user = strcmp(setting, "user") == 0, ours = strcmp(setting, "802-1x") == 0;
        int r;

        if ((user && !u->saved && u->connection->n_user_data == 0) || (ours && !u->values))
                return sd_bus_message_skip(in, "a{sv}");
        r = open_setting(copy->m, setting);
        if (r >= 0)
                r = nm_walk_setting(in, setting, copy_entry, copy);
        if (r >= 0)
                r = append_secrets(copy, setting);
        if (r >= 0 && ours)
                r = append_values(copy->m, u->values);
        return r < 0 ? r : close_setting(copy->m);
}

/* Settings that were not there. */
static int append_missing(const NmUpdate *u, sd_bus_message *m) {
        const NmConnection *c = u->connection;
        int r = 0;

        if (u->values && !c->has_8021x && (r = open_setting(m, "802-1x")) >= 0 && (r = append_values(m,
                                                                                                     u->values)) >= 0)
                r = close_setting(m);
        bool has_user = c->saved || c->n_user_data > 0;
        if (r >= 0 && u->saved && !has_user && (r = open_setting(m, "user")) >= 0 &&
            (r = append_user_data(NULL, u->saved, m)) >= 0)
                r = close_setting(m);
        return r;
}

int nm_update_append(const NmUpdate *u, sd_bus_message *m) {
        Copy copy = { .m = m, .update = u };

        int r = sd_bus_message_open_container(m, 'a', "{sa{sv}}");
        if (r >= 0)
                r = nm_walk(u->settings, copy_setting, &copy);
        if (r >= 0)
                r = append_missing(u, m);
        return r < 0 ? r : sd_bus_message_close_container(m);
}
