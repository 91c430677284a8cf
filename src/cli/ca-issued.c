/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <time.h>

#include "cli/ca.h"

static const char *state(struct json_object *certificate, int64_t now) {
        if (cli_number(certificate, "revoked") > 0)
                return "revoked";
        return cli_number(certificate, "not-after") < now ? "expired" : "valid";
}

static void print_table(struct json_object *list) {
        size_t n = json_object_array_length(list);
        int64_t now = (int64_t) time(NULL);

        printf("%-32s  %-64s  %-20s  %-20s  %s\n", "SERIAL NUMBER", "ENDORSEMENT KEY", "ISSUED", "ENDS", "STATE");
        for (size_t i = 0; i < n; i++) {
                struct json_object *o = json_object_array_get_idx(list, i);
                char issued[CLI_TIME_MAX], ends[CLI_TIME_MAX];

                printf("%-32s  %-64s  %-20s  %-20s  %s", cli_text(o, "serial"), cli_text(o, "ek-hash"),
                       cli_format_time(cli_number(o, "issued"), issued),
                       cli_format_time(cli_number(o, "not-after"), ends), state(o, now));
                if (cli_number(o, "revoked") > 0)
                        printf(" %s (%s)", cli_format_time(cli_number(o, "revoked"), issued), cli_text(o, "reason"));
                putchar('\n');
        }
}

static int add(struct json_object *certificate, void *userdata) {
        return json_object_array_add(userdata, json_object_get(certificate)) < 0 ? -ENOMEM : 0;
}

int ca_read_issued(Cli *c, const char *device, struct json_object **ret) {
        _cleanup_json_ struct json_object *list = json_object_new_array();

        if (!list)
                return cli_failed(-ENOMEM, "make a list");
        int status = ca_for_each_of(c, "ListIssued", device, add, list);
        if (status == EXIT_SUCCESS)
                *ret = TAKE_PTR(list);
        return status;
}

int verb_ca_issued(Cli *c, int argc, char **argv) {
        _cleanup_json_ struct json_object *list = NULL;

        cli_parse(c, argc, argv, NULL, 0, 1);
        int status = ca_read_issued(c, c->n_operands > 0 ? c->operands[0] : "", &list);
        if (status != EXIT_SUCCESS)
                return status;
        if (c->json)
                return cli_print_json(list);
        print_table(list);
        return EXIT_SUCCESS;
}
