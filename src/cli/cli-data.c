/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "cli/cli.h"

static int read_strings(sd_bus_message *m, struct json_object **ret) {
        _cleanup_json_ struct json_object *array = json_object_new_array();
        const char *s;

        if (!array)
                return -ENOMEM;
        int r = sd_bus_message_enter_container(m, 'a', "s");
        if (r < 0)
                return r;
        while ((r = sd_bus_message_read_basic(m, 's', &s)) > 0)
                if (json_object_array_add(array, json_object_new_string(s)) < 0)
                        return -ENOMEM;
        if (r >= 0)
                r = sd_bus_message_exit_container(m);
        if (r >= 0)
                *ret = TAKE_PTR(array);
        return r;
}

static int read_basic(sd_bus_message *m, char type, struct json_object **ret) {
        union {
                const char *s;
                int b;
                uint32_t u;
                uint64_t t;
        } v;

        int r = sd_bus_message_read_basic(m, type, &v);
        if (r < 0)
                return r;
        *ret = type == 's'   ? json_object_new_string(v.s)
               : type == 'b' ? json_object_new_boolean(v.b)
               : type == 'u' ? json_object_new_int64(v.u)
                             : json_object_new_uint64(v.t);
        return *ret ? 0 : -ENOMEM;
}

/* One variant. What this program does not know (yet) is skipped: *ret stays NULL. */
static int read_variant(sd_bus_message *m, struct json_object **ret) {
        const char *contents;

        int r = sd_bus_message_peek_type(m, NULL, &contents);
        if (r < 0)
                return r;
        bool basic = contents[1] == 0 && strchr("sbut", contents[0]);
        if (!basic && strcmp(contents, "as") != 0)
                return sd_bus_message_skip(m, "v");
        r = sd_bus_message_enter_container(m, 'v', contents);
        if (r >= 0)
                r = basic ? read_basic(m, contents[0], ret) : read_strings(m, ret);
        return r < 0 ? r : sd_bus_message_exit_container(m);
}

static int read_entry(sd_bus_message *m, struct json_object *o) {
        struct json_object *value = NULL;
        const char *key;

        int r = sd_bus_message_read_basic(m, 's', &key);
        if (r >= 0)
                r = read_variant(m, &value);
        if (r < 0) {
                (void) json_object_put(value);
                return r;
        }
        return value && json_object_object_add(o, key, value) < 0 ? -ENOMEM : 0;
}

int cli_read_dict(sd_bus_message *m, struct json_object **ret) {
        _cleanup_json_ struct json_object *o = json_object_new_object();

        if (!o)
                return -ENOMEM;
        int r = sd_bus_message_enter_container(m, 'a', "{sv}");
        if (r < 0)
                return r;
        while ((r = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
                r = read_entry(m, o);
                if (r >= 0)
                        r = sd_bus_message_exit_container(m);
                if (r < 0)
                        return r;
        }
        if (r >= 0)
                r = sd_bus_message_exit_container(m);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(o);
        return 0;
}

int cli_print_json(struct json_object *o) {
        const char *text = json_object_to_json_string_ext(
                o, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED | JSON_C_TO_STRING_NOSLASHESCAPE);
        if (!text)
                return cli_failed(-ENOMEM, "make JSON");
        puts(text);
        return EXIT_SUCCESS;
}

const char *cli_text(struct json_object *o, const char *member) {
        struct json_object *v;

        if (!json_object_object_get_ex(o, member, &v) || !json_object_is_type(v, json_type_string))
                return "";
        return json_object_get_string(v);
}

bool cli_bool(struct json_object *o, const char *member) {
        struct json_object *v;

        return json_object_object_get_ex(o, member, &v) && json_object_get_boolean(v);
}

int64_t cli_number(struct json_object *o, const char *member) {
        struct json_object *v;

        return json_object_object_get_ex(o, member, &v) ? json_object_get_int64(v) : 0;
}

const char *cli_format_time(int64_t seconds, char ret[static CLI_TIME_MAX]) {
        time_t t = (time_t) seconds;
        struct tm tm;

        if (seconds == 0)
                (void) snprintf(ret, CLI_TIME_MAX, "never");
        else if (!gmtime_r(&t, &tm) || strftime(ret, CLI_TIME_MAX, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
                (void) snprintf(ret, CLI_TIME_MAX, "%" PRIi64, seconds);
        return ret;
}

const char *cli_format_duration(int64_t seconds, char ret[static CLI_DURATION_MAX]) {
        static const struct {
                int64_t seconds;
                char unit;
        } units[] = { { 365 * 86400, 'y' }, { 86400, 'd' }, { 3600, 'h' }, { 60, 'm' }, { 1, 's' } };
        size_t i = 0;

        while (i + 1 < ELEMENTSOF(units) && (seconds % units[i].seconds != 0 || seconds == 86400))
                i++;
        (void) snprintf(ret, CLI_DURATION_MAX, "%" PRIi64 "%c", seconds / units[i].seconds, units[i].unit);
        return ret;
}

static void put_characters(FILE *f, const char *text, size_t n) {
        const unsigned char *p = (const unsigned char *) text, *end = p + n;

        for (; p < end; p++) {
                /* C0, DEL, and C1 as UTF-8: what a terminal could obey. */
                bool c1 = p[0] == 0xc2 && p[1] >= 0x80 && p[1] < 0xa0;
                fputc(*p < 0x20 || *p == 0x7f || c1 ? '?' : *p, f);
                if (c1)
                        p++;
        }
}

void cli_put_text(FILE *f, const char *text) {
        put_characters(f, text, strlen(text));
}

void cli_put_lines(FILE *f, const char *text) {
        while (*text) {
                size_t n = strcspn(text, "\n");

                put_characters(f, text, n);
                text += n;
                text += strspn(text, "\n");
                if (*text)
                        fputs("\n        ", f);
        }
}
