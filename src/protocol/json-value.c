/* SPDX-License-Identifier: MIT */
#include "protocol/json-scan.h"
#include "protocol/json-value.h"
#include "protocol/utf8.h"

int json_parse_strict(ByteView text, unsigned depth, struct json_object **ret) {
        _cleanup_json_ struct json_object *o = NULL;
        int r;

        r = json_scan(text, depth);
        if (r < 0)
                return r;

        struct json_tokener *tokener = json_tokener_new_ex(JSON_DEPTH_MAX + 1);
        if (!tokener)
                return -ENOMEM;
        json_tokener_set_flags(tokener, JSON_TOKENER_STRICT);
        o = json_tokener_parse_ex(tokener, (const char *) text.data, (int) text.size);
        enum json_tokener_error e = json_tokener_get_error(tokener);
        json_tokener_free(tokener);

        if (e != json_tokener_success || !json_object_is_type(o, json_type_object))
                return -EBADMSG;
        *ret = TAKE_PTR(o);
        return 0;
}

void json_drop_nulls(struct json_object *o) {
        json_object_object_foreach(o, name, value)
                if (!value)
                        json_object_object_del(o, name); /* json-c allows that for the current one */
}

static int member(struct json_object *o, const char *name, enum json_type type, struct json_object **ret) {
        struct json_object *v;

        if (!json_object_object_get_ex(o, name, &v))
                return -ENOENT;
        if (!json_object_is_type(v, type))
                return -EBADMSG;
        *ret = v;
        return 0;
}

static ByteView string_view(struct json_object *v) {
        return VIEW(json_object_get_string(v), (size_t) json_object_get_string_len(v));
}

int json_value_text(struct json_object *v, size_t max, char **ret) {
        Bytes b = BYTES_NULL;

        if (!json_object_is_type(v, json_type_string))
                return -EBADMSG;
        ByteView s = string_view(v);
        if (s.size > max)
                return -E2BIG;
        if (memchr(s.data, 0, s.size))
                return -EBADMSG;

        int r = bytes_copy(s, &b);
        if (r < 0)
                return r;
        *ret = (char *) b.data;
        return 0;
}

int json_member_text(struct json_object *o, const char *name, size_t max, char **ret) {
        struct json_object *v;
        int r = member(o, name, json_type_string, &v);

        return r < 0 ? r : json_value_text(v, max, ret);
}

int json_member_raw(struct json_object *o, const char *name, size_t max, Bytes *ret) {
        struct json_object *v;
        int r = member(o, name, json_type_string, &v);

        if (r < 0)
                return r;
        ByteView s = string_view(v);
        return s.size > max ? -E2BIG : bytes_copy(s, ret);
}

typedef int (*Decode64)(const char *text, size_t n, size_t max, Bytes *ret);

static int value_decode(struct json_object *v, Decode64 decode, size_t max, Bytes *ret) {
        if (!json_object_is_type(v, json_type_string))
                return -EBADMSG;
        ByteView s = string_view(v);
        int r = decode((const char *) s.data, s.size, max, ret);
        return r == -EINVAL ? -EBADMSG : r;
}

int json_value_base64(struct json_object *v, size_t max, Bytes *ret) {
        return value_decode(v, base64_decode, max, ret);
}

int json_member_base64(struct json_object *o, const char *name, size_t max, Bytes *ret) {
        struct json_object *v;
        int r = member(o, name, json_type_string, &v);

        return r < 0 ? r : value_decode(v, base64_decode, max, ret);
}

int json_member_base64url(struct json_object *o, const char *name, size_t max, Bytes *ret) {
        struct json_object *v;
        int r = member(o, name, json_type_string, &v);

        return r < 0 ? r : value_decode(v, base64url_decode, max, ret);
}

int json_member_int(struct json_object *o, const char *name, int64_t min, int64_t max, int64_t *ret) {
        struct json_object *v;
        int r = member(o, name, json_type_int, &v);

        if (r < 0)
                return r;
        /* json-c clamps what 64 bits cannot hold to the nearest that they can: no limit here is that far
         * out. */
        int64_t x = json_object_get_int64(v);
        if (x < min || x > max || x == INT64_MIN || x == INT64_MAX)
                return -E2BIG;
        *ret = x;
        return 0;
}

int json_member_bool(struct json_object *o, const char *name, bool *ret) {
        struct json_object *v;
        int r = member(o, name, json_type_boolean, &v);

        if (r < 0)
                return r;
        *ret = json_object_get_boolean(v);
        return 0;
}

int json_member_object(struct json_object *o, const char *name, struct json_object **ret) {
        return member(o, name, json_type_object, ret);
}

int json_member_array(struct json_object *o, const char *name, size_t max, struct json_object **ret) {
        struct json_object *v;
        int r = member(o, name, json_type_array, &v);

        if (r < 0)
                return r;
        if (json_object_array_length(v) > max)
                return -E2BIG;
        *ret = v;
        return 0;
}

int json_new_object(struct json_object **ret) {
        struct json_object *o = json_object_new_object();
        if (!o)
                return -ENOMEM;
        *ret = o;
        return 0;
}

int json_new_array(struct json_object **ret) {
        struct json_object *o = json_object_new_array();
        if (!o)
                return -ENOMEM;
        *ret = o;
        return 0;
}

int json_add(struct json_object *o, const char *name, struct json_object *value) {
        if (!value)
                return -ENOMEM;
        if (json_object_object_add(o, name, value) < 0) {
                json_object_put(value);
                return -ENOMEM;
        }
        return 0;
}

int json_append(struct json_object *array, struct json_object *value) {
        if (!value)
                return -ENOMEM;
        if (json_object_array_add(array, value) < 0) {
                json_object_put(value);
                return -ENOMEM;
        }
        return 0;
}

int json_add_raw(struct json_object *o, const char *name, ByteView text) {
        if (text.size > JSON_TEXT_MAX)
                return -E2BIG;
        if (!utf8_valid(text))
                return -EINVAL;
        return json_add(o, name, json_object_new_string_len(text.size > 0 ? (const char *) text.data : "",
                                                            (int) text.size));
}

int json_add_text(struct json_object *o, const char *name, const char *text) {
        return json_add_raw(o, name, VIEW_STR(text));
}

int json_add_base64(struct json_object *o, const char *name, ByteView v) {
        _cleanup_free_ char *text = NULL;
        int r = base64_encode(v, &text);

        return r < 0 ? r : json_add(o, name, json_object_new_string(text));
}

int json_add_base64url(struct json_object *o, const char *name, ByteView v) {
        _cleanup_free_ char *text = NULL;
        int r = base64url_encode(v, &text);

        return r < 0 ? r : json_add(o, name, json_object_new_string(text));
}

int json_append_base64(struct json_object *array, ByteView v) {
        _cleanup_free_ char *text = NULL;
        int r = base64_encode(v, &text);

        return r < 0 ? r : json_append(array, json_object_new_string(text));
}

int json_serialize(struct json_object *o, Bytes *ret) {
        size_t n;

        errno = 0;
        const char *text = json_object_to_json_string_length(
                        o, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, &n);
        /* json-c leaves out what it has no memory for, and goes on. */
        return text && errno != ENOMEM ? bytes_copy(VIEW(text, n), ret) : -ENOMEM;
}
