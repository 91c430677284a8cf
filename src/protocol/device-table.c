/* SPDX-License-Identifier: MIT */
#include "protocol/device-table.h"

#include <inttypes.h>
#include <stdio.h>

#include "protocol/device-field.h"
#include "protocol/json-value.h"
#include "protocol/spreadsheet.h"

#define JSON_ROW_DEPTH 2U

static void say(char why[static DEVICE_TABLE_WHY_MAX], const char *text) {
        (void) snprintf(why, DEVICE_TABLE_WHY_MAX, "%s", text);
}

DeviceTableFormat device_table_guess(ByteView text) {
        for (size_t i = 0; i < text.size; i++)
                if (!strchr("\xef\xbb\xbf \t\r\n", text.data[i]))
                        return text.data[i] == '{' ? DEVICE_TABLE_JSON_LINES : DEVICE_TABLE_CSV;
        return DEVICE_TABLE_CSV;
}

/* Behind the end of this line. */
static void skip_line(DeviceTable *t) {
        const uint8_t *nl = t->at < t->end ? memchr(t->at, '\n', (size_t) (t->end - t->at)) : NULL;

        t->at = nl ? nl + 1 : t->end;
        t->line++;
}

/* --- CSV --- */

typedef enum CellEnd {
        CELL_NEXT,     /* another cell of this row follows */
        CELL_LAST,
        CELL_BROKEN,   /* and the rest of its line is skipped */
} CellEnd;

typedef struct Cell {
        char text[DEVICE_TABLE_ROW_MAX + 1];
        size_t size;
} Cell;

static bool at_line_end(const DeviceTable *t) {
        return t->at == t->end || *t->at == '\n' || (*t->at == '\r' && (t->at + 1 == t->end || t->at[1] == '\n'));
}

static CellEnd broken(DeviceTable *t, const char *text, char why[static DEVICE_TABLE_WHY_MAX]) {
        say(why, text);
        skip_line(t);
        return CELL_BROKEN;
}

static bool put(Cell *cell, uint8_t c) {
        if (cell->size >= DEVICE_TABLE_ROW_MAX || c == 0)
                return false;
        cell->text[cell->size++] = (char) c;
        return true;
}

/* Between quotes; at stands behind the first one. */
static CellEnd read_quoted(DeviceTable *t, Cell *cell, char why[static DEVICE_TABLE_WHY_MAX]) {
        for (;;) {
                if (t->at == t->end)
                        return broken(t, "a quoted text does not end", why);
                uint8_t c = *t->at++;
                if (c == '"') {
                        if (t->at == t->end || *t->at != '"')
                                return CELL_NEXT;
                        t->at++;
                }
                if (c == '\n')
                        t->line++;
                if (!put(cell, c))
                        return broken(t, "a text is too long, or has a byte 0", why);
        }
}

static CellEnd read_cell(DeviceTable *t, Cell *cell, char why[static DEVICE_TABLE_WHY_MAX]) {
        cell->size = 0;
        if (t->at < t->end && *t->at == '"') {
                t->at++;
                if (read_quoted(t, cell, why) == CELL_BROKEN)
                        return CELL_BROKEN;
        } else
                while (!at_line_end(t) && *t->at != (uint8_t) t->separator)
                        if (!put(cell, *t->at++))
                                return broken(t, "a text is too long, or has a byte 0", why);
        cell->text[cell->size] = 0;
        if (at_line_end(t)) {
                skip_line(t);
                return CELL_LAST;
        }
        if (*t->at != (uint8_t) t->separator)
                return broken(t, "something follows a closing quotation mark", why);
        t->at++;
        return CELL_NEXT;
}

static char find_separator(const DeviceTable *t) {
        for (const uint8_t *p = t->at; p < t->end && *p != '\n'; p++)
                if (*p == ',' || *p == ';' || *p == '\t')
                        return (char) *p;
        return ',';
}

static int read_columns(DeviceTable *t, char why[static DEVICE_TABLE_WHY_MAX]) {
        CellEnd end;
        Cell cell;

        if (t->end - t->at >= 3 && memcmp(t->at, "\xef\xbb\xbf", 3) == 0)
                t->at += 3;
        t->separator = find_separator(t);
        do {
                DeviceField field;
                end = read_cell(t, &cell, why);
                if (end == CELL_BROKEN)
                        return -EBADMSG;
                if (t->n_columns >= DEVICE_TABLE_COLUMNS_MAX) {
                        say(why, "there are too many columns");
                        return -EBADMSG;
                }
                if (device_field_from_name(cell.text, &field) < 0) {
                        (void) snprintf(why, DEVICE_TABLE_WHY_MAX, "the first line names the columns, and there is no "
                                        "column \"%.32s\"", cell.text);
                        return -EBADMSG;
                }
                t->columns[t->n_columns++] = (uint8_t) field;
        } while (end == CELL_NEXT);
        return 0;
}

/* Goes on to the end of the row whatever is wrong. */
static int read_csv(DeviceTable *t, DeviceFields *f, char why[static DEVICE_TABLE_WHY_MAX]) {
        const char *wrong = NULL;
        unsigned column = 0;
        CellEnd end;
        Cell cell;

        do {
                end = read_cell(t, &cell, why);
                if (end == CELL_BROKEN)
                        return -EBADMSG;
                if (!wrong && column >= t->n_columns)
                        wrong = "it has more columns than the first line";
                if (!wrong)
                        wrong = device_field_set(f, (DeviceField) t->columns[column], spreadsheet_unguard(cell.text));
                column++;
        } while (end == CELL_NEXT);
        if (!wrong)
                return 0;
        say(why, wrong);
        return -EBADMSG;
}

/* --- JSON lines --- */

static const char *set_names(DeviceFields *f, struct json_object *array) {
        const char *wrong = NULL;

        for (size_t i = 0; !wrong && i < json_object_array_length(array); i++) {
                struct json_object *v = json_object_array_get_idx(array, i);
                wrong = json_object_is_type(v, json_type_string) ? device_field_add_name(f, json_object_get_string(v))
                                                                 : "names is an array of texts";
        }
        return wrong;
}

static const char *set_member(DeviceFields *f, const char *name, struct json_object *v) {
        DeviceField field;
        char number[32];

        if (device_field_from_name(name, &field) < 0)
                return "it has a member that is none of a device's";
        switch (json_object_get_type(v)) {
        case json_type_null:
                return NULL;
        case json_type_boolean:
                return device_field_set(f, field, json_object_get_boolean(v) ? "yes" : "no");
        case json_type_int:
                (void) snprintf(number, sizeof(number), "%" PRIi64, json_object_get_int64(v));
                return device_field_set(f, field, number);
        case json_type_string:
                if (strlen(json_object_get_string(v)) != (size_t) json_object_get_string_len(v))
                        return "a text has a U+0000";
                return device_field_set(f, field, json_object_get_string(v));
        case json_type_array:
                return field == FIELD_NAMES ? set_names(f, v) : "only names is an array";
        default:
                return "a member is of a type that none of a device's has";
        }
}

static const char *set_members(DeviceFields *f, struct json_object *o) {
        const char *wrong = NULL;

        json_object_object_foreach(o, name, value) {
                if (!wrong)
                        wrong = set_member(f, name, value);
        }
        return wrong;
}

static int read_json(DeviceTable *t, DeviceFields *f, char why[static DEVICE_TABLE_WHY_MAX]) {
        _cleanup_json_ struct json_object *o = NULL;
        const uint8_t *begin = t->at;
        const char *wrong = NULL;

        skip_line(t);
        ByteView line = VIEW(begin, (size_t) (t->at - begin));
        if (line.size > DEVICE_TABLE_ROW_MAX)
                wrong = "the line is too long";
        else if (json_parse_strict(line, JSON_ROW_DEPTH, &o) < 0)
                wrong = "this is no JSON object on one line";
        else
                wrong = set_members(f, o);
        if (!wrong)
                return 0;
        say(why, wrong);
        return -EBADMSG;
}

/* --- Both --- */

int device_table_open(ByteView text, DeviceTableFormat format, DeviceTable *ret, char why[static DEVICE_TABLE_WHY_MAX]) {
        DeviceTable t = { .format = format, .at = text.data, .end = text.data + text.size, .line = 1 };

        if (text.size > DEVICE_TABLE_FILE_MAX) {
                say(why, "the file is too large");
                return -EBADMSG;
        }
        if (format == DEVICE_TABLE_CSV) {
                int r = read_columns(&t, why);
                if (r < 0)
                        return r;
        }
        *ret = t;
        return 0;
}

static bool at_empty_line(const DeviceTable *t) {
        const uint8_t *p = t->at;

        while (p < t->end && (*p == ' ' || *p == '\r'))
                p++;
        return p < t->end && *p == '\n';
}

int device_table_next(DeviceTable *t, Device *ret, unsigned *ret_line, char why[static DEVICE_TABLE_WHY_MAX]) {
        DeviceFields f = {};

        while (at_empty_line(t))
                skip_line(t);
        if (t->at == t->end)
                return 0;
        *ret_line = t->line;
        int r = t->format == DEVICE_TABLE_CSV ? read_csv(t, &f, why) : read_json(t, &f, why);
        if (r < 0)
                return r;
        const char *wrong = device_fields_check(&f);
        if (wrong) {
                say(why, wrong);
                return -EBADMSG;
        }
        *ret = f.device;
        return 1;
}
