/* SPDX-License-Identifier: MIT */
#include "cli/nm-connection.h"

const NmOwned nm_owned[NM_OWNED] = {
        { "eap", "as" },
        { "identity", "s" },
        { "ca-cert", "ay" },
        { "ca-path", "s" },
        { "system-ca-certs", "b" },
        { "domain-suffix-match", "s" },
        { "client-cert", "ay" },
        { "client-cert-password-flags", "u" },
        { "private-key", "ay" },
        { "private-key-password-flags", "u" },
};

const NmOwned *nm_find_owned(const char *key) {
        for (size_t i = 0; i < NM_OWNED; i++)
                if (strcmp(nm_owned[i].key, key) == 0)
                        return &nm_owned[i];
        return NULL;
}

void nm_connection_done(NmConnection *c) {
        free(c->id);
        free(c->uuid);
        free(c->key_mgmt);
        (void) json_object_put(c->values);
        free(c->saved);
        *c = (NmConnection) {};
}

/* --- Walking through a{sa{sv}} --- */

int nm_walk_setting(sd_bus_message *m, const char *setting, NmEntryFunc func, void *userdata) {
        const char *key;
        int r;

        r = sd_bus_message_enter_container(m, 'a', "{sv}");
        while (r >= 0 && (r = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
                r = sd_bus_message_read_basic(m, 's', &key);
                if (r >= 0)
                        r = func(m, setting, key, userdata);
                if (r >= 0)
                        r = sd_bus_message_exit_container(m);
        }
        return r < 0 ? r : sd_bus_message_exit_container(m);
}

int nm_walk(sd_bus_message *m, NmSettingFunc func, void *userdata) {
        const char *setting;
        int r;

        r = sd_bus_message_rewind(m, true);
        if (r >= 0)
                r = sd_bus_message_enter_container(m, 'a', "{sa{sv}}");
        while (r >= 0 && (r = sd_bus_message_enter_container(m, 'e', "sa{sv}")) > 0) {
                r = sd_bus_message_read_basic(m, 's', &setting);
                if (r >= 0)
                        r = func(m, setting, userdata);
                if (r >= 0)
                        r = sd_bus_message_exit_container(m);
        }
        return r;
}

/* --- Reading --- */

static int read_bytes(sd_bus_message *m, struct json_object **ret) {
        _cleanup_free_ char *text = NULL;
        const void *data;
        size_t n;

        int r = sd_bus_message_read_array(m, 'y', &data, &n);
        if (r >= 0)
                r = base64_encode(VIEW(data, n), &text);
        if (r < 0)
                return r;
        *ret = json_object_new_string(text);
        return *ret ? 0 : -ENOMEM;
}

static int read_texts(sd_bus_message *m, struct json_object **ret) {
        _cleanup_json_ struct json_object *array = NULL;
        const char *s;
        int r;

        r = json_new_array(&array);
        if (r >= 0)
                r = sd_bus_message_enter_container(m, 'a', "s");
        while (r >= 0 && (r = sd_bus_message_read_basic(m, 's', &s)) > 0)
                r = json_append(array, json_object_new_string(s));
        if (r >= 0)
                r = sd_bus_message_exit_container(m);
        if (r >= 0)
                *ret = TAKE_PTR(array);
        return r;
}

static int read_plain(sd_bus_message *m, char type, struct json_object **ret) {
        const char *s;
        uint32_t u;
        int b, r;

        r = sd_bus_message_read_basic(m, type, type == 's' ? (void *) &s : type == 'b' ? (void *) &b : (void *) &u);
        if (r < 0)
                return r;
        *ret = type == 's'   ? json_object_new_string(s)
               : type == 'b' ? json_object_new_boolean(b)
                             : json_object_new_int64(u);
        return *ret ? 0 : -ENOMEM;
}

/* Of that type, or -EBADMSG. */
static int read_value(sd_bus_message *m, const char *type, struct json_object **ret) {
        const char *contents;
        char kind;

        int r = sd_bus_message_peek_type(m, &kind, &contents);
        if (r < 0)
                return r;
        if (kind != 'v' || strcmp(contents, type) != 0)
                return -EBADMSG;
        r = sd_bus_message_enter_container(m, 'v', type);
        if (r >= 0)
                r = strcmp(type, "as") == 0   ? read_texts(m, ret)
                    : strcmp(type, "ay") == 0 ? read_bytes(m, ret)
                                              : read_plain(m, *type, ret);
        return r < 0 ? r : sd_bus_message_exit_container(m);
}

static int read_text(sd_bus_message *m, char **ret) {
        const char *s;

        int r = sd_bus_message_read(m, "v", "s", &s);
        if (r < 0)
                return r;
        free(*ret);
        *ret = strdup(s);
        return *ret ? 0 : -ENOMEM;
}

/* A value that says something: neither empty nor "no". */
static int read_whether(sd_bus_message *m, bool *ret) {
        const char *contents, *s;
        char kind;
        int b = 0, r;

        r = sd_bus_message_peek_type(m, &kind, &contents);
        if (r < 0)
                return r;
        if (strcmp(contents, "b") == 0)
                r = sd_bus_message_read(m, "v", "b", &b);
        else if (strcmp(contents, "s") == 0) {
                r = sd_bus_message_read(m, "v", "s", &s);
                b = r >= 0 && *s;
        } else {
                r = sd_bus_message_enter_container(m, 'v', contents);
                if (r >= 0)
                        r = sd_bus_message_enter_container(m, 'a', contents + 1);
                if (r >= 0)
                        b = sd_bus_message_at_end(m, false) == 0;
                while (r >= 0 && sd_bus_message_at_end(m, false) == 0)
                        r = sd_bus_message_skip(m, contents + 1);
                if (r >= 0)
                        r = sd_bus_message_exit_container(m);
                if (r >= 0)
                        r = sd_bus_message_exit_container(m);
        }
        *ret = *ret || b;
        return r;
}

static bool *judged_by(NmConnection *c, const char *key) {
        static const char *const names[] = { "domain-suffix-match", "domain-match", "altsubject-matches",
                                             "subject-match" };
        static const char *const cas[] = { "ca-cert", "ca-path", "system-ca-certs" };

        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                if (strcmp(key, names[i]) == 0)
                        return &c->has_server_name;
        for (size_t i = 0; i < ELEMENTSOF(cas); i++)
                if (strcmp(key, cas[i]) == 0)
                        return &c->has_server_ca;
        return NULL;
}

static int read_8021x(sd_bus_message *m, const char *key, NmConnection *c) {
        const NmOwned *o = nm_find_owned(key);
        bool *judged = judged_by(c, key);
        struct json_object *value;

        if (!o)
                return judged ? read_whether(m, judged) : sd_bus_message_skip(m, "v");
        int r = read_value(m, o->type, &value);
        if (r < 0)
                return r;
        if (judged && (json_object_get_string_len(value) > 0 || json_object_get_boolean(value)))
                *judged = true;
        return json_add(c->values, key, value);
}

static int read_user_data(sd_bus_message *m, NmConnection *c) {
        const char *key, *value;
        int r;

        r = sd_bus_message_enter_container(m, 'v', "a{ss}");
        if (r >= 0)
                r = sd_bus_message_enter_container(m, 'a', "{ss}");
        while (r >= 0 && (r = sd_bus_message_read(m, "{ss}", &key, &value)) > 0) {
                if (strcmp(key, NM_SAVED_KEY) != 0) {
                        c->n_user_data++;
                        continue;
                }
                free(c->saved);
                c->saved = strdup(value);
                r = c->saved ? 0 : -ENOMEM;
        }
        if (r >= 0)
                r = sd_bus_message_exit_container(m);
        return r < 0 ? r : sd_bus_message_exit_container(m);
}

static int read_entry(sd_bus_message *m, const char *setting, const char *key, void *userdata) {
        NmConnection *c = userdata;

        if (strcmp(setting, "802-1x") == 0)
                return read_8021x(m, key, c);
        if (strcmp(setting, "connection") == 0 && strcmp(key, "id") == 0)
                return read_text(m, &c->id);
        if (strcmp(setting, "connection") == 0 && strcmp(key, "uuid") == 0)
                return read_text(m, &c->uuid);
        if (strcmp(setting, "user") == 0 && strcmp(key, "data") == 0)
                return read_user_data(m, c);
        if (strcmp(setting, "802-11-wireless-security") == 0 && strcmp(key, "key-mgmt") == 0)
                return read_text(m, &c->key_mgmt);
        return sd_bus_message_skip(m, "v");
}

static int read_setting(sd_bus_message *m, const char *setting, void *userdata) {
        NmConnection *c = userdata;

        c->has_8021x = c->has_8021x || strcmp(setting, "802-1x") == 0;
        c->wireless = c->wireless || strcmp(setting, "802-11-wireless") == 0;
        return nm_walk_setting(m, setting, read_entry, c);
}

int nm_connection_read(sd_bus_message *m, NmConnection *ret) {
        _cleanup_nm_connection_ NmConnection c = {};
        int r;

        r = json_new_object(&c.values);
        if (r >= 0)
                r = nm_walk(m, read_setting, &c);
        if (r < 0 || !c.id || !c.uuid)
                return r < 0 ? r : -EBADMSG;
        *ret = TAKE_GENERIC(c, (NmConnection) {});
        return 0;
}
