/* SPDX-License-Identifier: MIT */
#pragma once

/* json-c with errno, limits and lengths. Getters: -ENOENT the member is not there, -EBADMSG it is null, of
 * another type or malformed, -E2BIG it is beyond max. Objects and arrays that they give are borrowed. */
#include <json-c/json.h>

#include "shared/bytes.h"

static inline void json_putp(struct json_object **o) {
        (void) json_object_put(*o);
}
#define _cleanup_json_ _cleanup_(json_putp)

/* json_scan(), then json-c; the value must be an object. -EBADMSG, -E2BIG. */
int json_parse_strict(ByteView text, unsigned depth, struct json_object **ret);
/* Removes members that are null, here, not deeper: for peers that write null for "none". */
void json_drop_nulls(struct json_object *o);

/* Text: a string without U+0000, at most max bytes of UTF-8. Raw: with U+0000 if it has any. */
int json_member_text(struct json_object *o, const char *name, size_t max, char **ret);
int json_member_raw(struct json_object *o, const char *name, size_t max, Bytes *ret);
/* base64 of RFC 4648 §4 with padding, base64url without; max counts decoded bytes. */
int json_member_base64(struct json_object *o, const char *name, size_t max, Bytes *ret);
int json_member_base64url(struct json_object *o, const char *name, size_t max, Bytes *ret);
int json_member_int(struct json_object *o, const char *name, int64_t min, int64_t max, int64_t *ret);
int json_member_bool(struct json_object *o, const char *name, bool *ret);
int json_member_object(struct json_object *o, const char *name, struct json_object **ret);
int json_member_array(struct json_object *o, const char *name, size_t max, struct json_object **ret);

/* What to make of a getter's answer: a member that must be there makes a message malformed when it is not;
 * one that may be missing leaves its output alone. */
static inline int json_required(int r) {
        return r == -ENOENT ? -EBADMSG : r;
}

static inline int json_optional(int r) {
        return r == -ENOENT ? 0 : r;
}

/* Getters for a value by itself: an element of an array. */
int json_value_text(struct json_object *v, size_t max, char **ret);
int json_value_base64(struct json_object *v, size_t max, Bytes *ret);

int json_new_object(struct json_object **ret);
int json_new_array(struct json_object **ret);
/* Adds value, which is taken in any case; NULL is -ENOMEM, so that a constructor can be the argument. */
int json_add(struct json_object *o, const char *name, struct json_object *value);
int json_append(struct json_object *array, struct json_object *value);
int json_add_text(struct json_object *o, const char *name, const char *text); /* -EINVAL: not UTF-8 */
int json_add_raw(struct json_object *o, const char *name, ByteView text);     /* the same, U+0000 allowed */
int json_add_base64(struct json_object *o, const char *name, ByteView v);
int json_add_base64url(struct json_object *o, const char *name, ByteView v);
int json_append_base64(struct json_object *array, ByteView v);

/* Compact, slashes as they are. Has a NUL behind its last byte. */
int json_serialize(struct json_object *o, Bytes *ret);
