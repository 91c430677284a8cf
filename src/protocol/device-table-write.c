/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdio.h>

#include "protocol/device-table.h"
#include "protocol/json-value.h"
#include "protocol/spreadsheet.h"
#include "protocol/utc-time.h"

const char *device_table_head(DeviceTableFormat format) {
        return format == DEVICE_TABLE_CSV ? "hash,names,note,any-name,pinned,disabled,ak-lifetime,expires,created,"
                                            "last-seen,last-issued,issued\r\n"
                                          : "";
}

/* --- CSV --- */

static void put_cell(ByteWriter *w, const char *text) {
        int n = spreadsheet_cell(text, (char *) w->data + w->size, w->capacity - w->size);

        if (n < 0)
                w->failed = true;
        else
                w->size += (size_t) n;
}

static void put_flag(ByteWriter *w, bool value) {
        write_u8(w, ',');
        write_bytes(w, value ? "yes" : "no", value ? 3 : 2);
}

static void put_time(ByteWriter *w, int64_t t) {
        char text[RFC3339_SIZE] = "";

        write_u8(w, ',');
        if (t > 0 && rfc3339_format(t, text) >= 0)
                write_bytes(w, text, strlen(text));
}

static void put_number(ByteWriter *w, uint64_t n) {
        char text[24];
        int size = snprintf(text, sizeof(text), ",%" PRIu64, n);

        write_bytes(w, text, (size_t) size);
}

static int format_csv(const Device *d, char ret[static DEVICE_TABLE_LINE_SIZE]) {
        ByteWriter w = WRITER(ret, DEVICE_TABLE_LINE_SIZE);
        char hash[DEVICE_HASH_TEXT + 1], names[DEVICE_NAMES_MAX * (DEVICE_NAME_MAX + 1) + 1] = "", *end = names;

        device_hash_format(d->ek_hash, hash);
        for (unsigned i = 0; i < d->n_names; i++)
                end = stpcpy(i > 0 ? stpcpy(end, " ") : end, d->names[i]);
        put_cell(&w, hash);
        write_u8(&w, ',');
        put_cell(&w, names);
        write_u8(&w, ',');
        put_cell(&w, d->note);
        put_flag(&w, d->any_name);
        put_flag(&w, d->pinned);
        put_flag(&w, d->disabled);
        put_number(&w, (uint64_t) d->ak_lifetime);
        put_time(&w, d->expires);
        put_time(&w, d->created);
        put_time(&w, d->last_seen);
        put_time(&w, d->last_issued);
        put_number(&w, d->issued);
        write_bytes(&w, "\r\n", 3); /* and its NUL */
        return w.failed ? -ENOMEM : (int) w.size - 1;
}

/* --- JSON lines --- */

static int add_names(struct json_object *o, const Device *d) {
        _cleanup_json_ struct json_object *array = NULL;

        int r = json_new_array(&array);
        for (unsigned i = 0; r >= 0 && i < d->n_names; i++)
                r = json_append(array, json_object_new_string(d->names[i]));
        return r < 0 ? r : json_add(o, "names", TAKE_PTR(array));
}

static int fill(struct json_object *o, const Device *d) {
        const struct {
                const char *name;
                bool value;
        } flags[] = { { "any-name", d->any_name }, { "pinned", d->pinned }, { "disabled", d->disabled } };
        const struct {
                const char *name;
                int64_t value;
        } numbers[] = { { "ak-lifetime", d->ak_lifetime }, { "expires", d->expires }, { "created", d->created },
                        { "last-seen", d->last_seen }, { "last-issued", d->last_issued },
                        { "issued", (int64_t) d->issued } };
        char hash[DEVICE_HASH_TEXT + 1];

        device_hash_format(d->ek_hash, hash);
        int r = json_add_text(o, "ek-hash", hash);
        if (r >= 0)
                r = add_names(o, d);
        if (r >= 0)
                r = json_add_text(o, "note", d->note);
        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(flags); i++)
                r = json_add(o, flags[i].name, json_object_new_boolean(flags[i].value));
        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(numbers); i++)
                r = json_add(o, numbers[i].name, json_object_new_int64(numbers[i].value));
        return r;
}

static int format_json(const Device *d, char ret[static DEVICE_TABLE_LINE_SIZE]) {
        _cleanup_json_ struct json_object *o = NULL;
        _cleanup_bytes_ Bytes text = BYTES_NULL;

        int r = json_new_object(&o);
        if (r >= 0)
                r = fill(o, d);
        if (r >= 0)
                r = json_serialize(o, &text);
        if (r < 0)
                return r;
        if (text.size + 2 > DEVICE_TABLE_LINE_SIZE)
                return -ENOMEM;
        memcpy(ret, text.data, text.size);
        memcpy(ret + text.size, "\n", 2);
        return (int) text.size + 1;
}

int device_table_format(const Device *d, DeviceTableFormat format, char ret[static DEVICE_TABLE_LINE_SIZE]) {
        return format == DEVICE_TABLE_CSV ? format_csv(d, ret) : format_json(d, ret);
}
