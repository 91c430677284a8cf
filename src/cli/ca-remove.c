/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "cli/ca.h"

static int show(const Cli *c, sd_bus_message *reply) {
        _cleanup_json_ struct json_object *end = NULL;

        int r = cli_read_dict(reply, &end);
        if (r < 0)
                return cli_failed(r, "read the answer");
        if (c->json)
                return cli_print_json(end);
        fprintf(stderr, "Removed:\n");
        int status = ca_show_device(end);
        if (status == EXIT_SUCCESS)
                ca_print_end(end);
        return status;
}

int verb_ca_remove(Cli *c, int argc, char **argv) {
        _cleanup_message_ sd_bus_message *m = NULL, *reply = NULL;

        cli_parse(c, argc, argv, NULL, 1, 1);
        int status = cli_new_call(c, ATTEZT_SERVER_INTERFACE, "Remove", &m);
        if (status != EXIT_SUCCESS)
                return status;
        int r = sd_bus_message_append(m, "s", c->operands[0]);
        if (r >= 0)
                r = ca_append_no_options(m);
        if (r < 0)
                return cli_failed(r, "make a message");
        status = cli_call(c, m, &reply);
        return status == EXIT_SUCCESS ? show(c, reply) : status;
}
