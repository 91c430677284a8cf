/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "cli/ca.h"

#define LIST_PAGE 256U /* as many as there may be */

/* Not seen since, or added before and never seen. */
static bool seen_since(struct json_object *device, int64_t since) {
        return MAX_OF(cli_number(device, "last-seen"), cli_number(device, "created")) >= since;
}

/* One page, appended to devices; *cursor becomes the next one, "" at the end. */
static int read_page(sd_bus_message *reply, int64_t not_seen_since, struct json_object *devices, char **cursor) {
        const char *next;

        int r = sd_bus_message_enter_container(reply, 'a', "a{sv}");
        if (r < 0)
                return r;
        while ((r = sd_bus_message_at_end(reply, false)) == 0) {
                struct json_object *device;
                r = cli_read_dict(reply, &device);
                if (r < 0)
                        return r;
                if (not_seen_since > 0 && seen_since(device, not_seen_since))
                        (void) json_object_put(device);
                else if (json_object_array_add(devices, device) < 0)
                        return -ENOMEM;
        }
        if (r > 0)
                r = sd_bus_message_exit_container(reply);
        if (r >= 0)
                r = sd_bus_message_read(reply, "s", &next);
        if (r < 0)
                return r;

        char *copy = strdup(next);
        if (!copy)
                return -ENOMEM;
        free(*cursor);
        *cursor = copy;
        return 0;
}

static int call_page(Cli *c, int64_t not_seen_since, struct json_object *devices, char **cursor) {
        _cleanup_message_ sd_bus_message *m = NULL, *reply = NULL;

        int status = cli_new_call(c, ATTEZT_SERVER_INTERFACE, "List", &m);
        if (status != EXIT_SUCCESS)
                return status;
        int r = sd_bus_message_append(m, "su", *cursor, LIST_PAGE);
        if (r >= 0)
                r = ca_append_no_options(m);
        if (r < 0)
                return cli_failed(r, "make a message");
        status = cli_call(c, m, &reply);
        if (status != EXIT_SUCCESS)
                return status;
        r = read_page(reply, not_seen_since, devices, cursor);
        return r < 0 ? cli_failed(r, "read the answer") : EXIT_SUCCESS;
}

static int print_table(struct json_object *devices) {
        size_t n = json_object_array_length(devices);

        printf("%-64s  %-20s  %7s  %s\n", "ENDORSEMENT KEY", "LAST SEEN", "ISSUED", "NAMES");
        for (size_t i = 0; i < n; i++) {
                struct json_object *d = json_object_array_get_idx(devices, i);
                _cleanup_free_ char *names = NULL;
                char last[CLI_TIME_MAX];

                int r = ca_device_names(d, &names);
                if (r < 0)
                        return cli_failed(r, "print the list");
                printf("%-64s  %-20s  %7" PRIi64 "  %s%s%s%s\n", cli_text(d, "ek-hash"),
                       cli_format_time(cli_number(d, "last-seen"), last), cli_number(d, "issued"), names,
                       cli_bool(d, "pinned") ? " [pinned]" : "", cli_bool(d, "disabled") ? " [disabled]" : "",
                       ca_device_expired(d) ? " [expired]" : "");
        }
        return EXIT_SUCCESS;
}

int verb_ca_list(Cli *c, int argc, char **argv) {
        _cleanup_json_ struct json_object *devices = json_object_new_array();
        _cleanup_free_ char *cursor = strdup("");

        int64_t not_seen = 0;
        const CliOption options[] = {
                { "not-seen", CLI_SECONDS, &not_seen, "TIME", "Only devices that were not seen for so long: 7d" },
                {},
        };

        cli_parse(c, argc, argv, options, 0, 0);
        int64_t since = not_seen > 0 ? (int64_t) time(NULL) - not_seen : 0;
        if (!devices || !cursor)
                return cli_failed(-ENOMEM, "make a list");
        do {
                int status = call_page(c, since, devices, &cursor);
                if (status != EXIT_SUCCESS)
                        return status;
        } while (cursor[0]);
        return c->json ? cli_print_json(devices) : print_table(devices);
}
