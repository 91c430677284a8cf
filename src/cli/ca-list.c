/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "cli/ca.h"

typedef struct ListContext {
        int64_t not_seen_since;    /* 0: all */
        struct json_object *array; /* with --json */
        bool headed;
} ListContext;

/* Or added since and never seen. */
static bool seen_since(struct json_object *device, int64_t since) {
        return MAX_OF(cli_number(device, "last-seen"), cli_number(device, "created")) >= since;
}

static int print_line(struct json_object *d) {
        _cleanup_free_ char *names = NULL;
        char last[CLI_TIME_MAX];

        int r = ca_device_names(d, &names);
        if (r < 0)
                return r;
        printf("%-64s  %-20s  %7" PRIi64 "  %s%s%s%s\n", cli_text(d, "ek-hash"),
               cli_format_time(cli_number(d, "last-seen"), last), cli_number(d, "issued"), names,
               cli_bool(d, "pinned") ? " [pinned]" : "", cli_bool(d, "denied") ? " [denied]" : cli_bool(d, "disabled") ? " [disabled]" : "",
               ca_device_expired(d) ? " [expired]" : "");
        return 0;
}

/* Once, and not before there is an answer: an error has the terminal for itself. */
static void print_head(ListContext *x) {
        if (!x->headed && !x->array)
                printf("%-64s  %-20s  %7s  %s\n", "ENDORSEMENT KEY", "LAST SEEN", "ISSUED", "NAMES");
        x->headed = true;
}

static int list_device(struct json_object *device, void *userdata) {
        ListContext *x = userdata;

        if (x->not_seen_since > 0 && seen_since(device, x->not_seen_since))
                return 0;
        print_head(x);
        if (!x->array)
                return print_line(device);
        return json_object_array_add(x->array, json_object_get(device)) < 0 ? -ENOMEM : 0;
}

int verb_ca_list(Cli *c, int argc, char **argv) {
        _cleanup_json_ struct json_object *devices = NULL;
        int64_t not_seen = 0;
        const CliOption options[] = {
                { "not-seen", CLI_SECONDS, &not_seen, "TIME", "Only devices that were not seen for so long: 7d" },
                {},
        };

        cli_parse(c, argc, argv, options, 0, 0);
        if (c->json) {
                devices = json_object_new_array();
                if (!devices)
                        return cli_failed(-ENOMEM, "make a list");
        }
        ListContext x = { .not_seen_since = not_seen > 0 ? (int64_t) time(NULL) - not_seen : 0, .array = devices };
        int status = ca_for_each(c, "List", list_device, &x);
        if (status != EXIT_SUCCESS)
                return status;
        print_head(&x);
        return c->json ? cli_print_json(devices) : EXIT_SUCCESS;
}
