/* SPDX-License-Identifier: MIT */
#include "protocol/told-record.h"

#define TOLD_DEPTH 2U

void told_done(Told *t) {
        (void) json_object_put(t->done);
        (void) json_object_put(t->failed);
        *t = (Told) {};
}

int told_new(Told *ret) {
        _cleanup_told_ Told t = {};
        int r;

        if ((r = json_new_array(&t.done)) < 0 || (r = json_new_array(&t.failed)) < 0)
                return r;
        *ret = TAKE_GENERIC(t, (Told) {});
        return 0;
}

int told_add(Told *t, const char *name, bool failed) {
        return json_append(failed ? t->failed : t->done, json_object_new_string(name));
}

bool told_has_done(const Told *t, const char *name) {
        for (size_t i = 0; i < json_object_array_length(t->done); i++)
                if (strcmp(json_object_get_string(json_object_array_get_idx(t->done, i)), name) == 0)
                        return true;
        return false;
}

size_t told_failures(const Told *t) {
        return json_object_array_length(t->failed);
}

const char *told_failure(const Told *t, size_t i) {
        return i < told_failures(t) ? json_object_get_string(json_object_array_get_idx(t->failed, i)) : NULL;
}

int told_next_try(Told *t) {
        struct json_object *none;

        int r = json_new_array(&none);
        if (r < 0)
                return r;
        (void) json_object_put(t->failed);
        t->failed = none;
        return 0;
}

/* --- Text --- */

int told_format(const Told *t, Bytes *ret) {
        _cleanup_json_ struct json_object *o = NULL;
        int r;

        if ((r = json_new_object(&o)) < 0 || (r = json_add(o, "tries", json_object_new_int64(t->tries))) < 0 ||
            (r = json_add(o, "failed", json_object_get(t->failed))) < 0 ||
            (r = json_add(o, "done", json_object_get(t->done))) < 0)
                return r;
        return json_serialize(o, ret);
}

static int read_names(struct json_object *o, const char *member, struct json_object *names) {
        struct json_object *array;

        int r = json_required(json_member_array(o, member, TOLD_NAMES_MAX, &array));
        for (size_t i = 0; r >= 0 && i < json_object_array_length(array); i++) {
                _cleanup_free_ char *name = NULL;
                r = json_value_text(json_object_array_get_idx(array, i), TOLD_NAME_MAX, &name);
                if (r >= 0)
                        r = json_append(names, json_object_new_string(name));
        }
        return r;
}

int told_parse(ByteView text, Told *ret) {
        _cleanup_json_ struct json_object *o = NULL;
        _cleanup_told_ Told t = {};
        int64_t tries;
        int r;

        if (text.size > TOLD_TEXT_MAX)
                return -EBADMSG;
        if ((r = told_new(&t)) < 0 || (r = json_parse_strict(text, TOLD_DEPTH, &o)) < 0 ||
            (r = json_member_int(o, "tries", 0, UINT32_MAX, &tries)) < 0 ||
            (r = read_names(o, "failed", t.failed)) < 0 || (r = read_names(o, "done", t.done)) < 0)
                return r == -ENOMEM ? r : -EBADMSG;
        t.tries = (uint32_t) tries;
        *ret = TAKE_GENERIC(t, (Told) {});
        return 0;
}
