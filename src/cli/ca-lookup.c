/* SPDX-License-Identifier: MIT */
#include "cli/ca.h"

int verb_ca_lookup(Cli *c, int argc, char **argv) {
        _cleanup_message_ sd_bus_message *m = NULL;

        cli_parse(c, argc, argv, NULL, 1, 1);
        int status = cli_new_call(c, ATTEZT_SERVER_INTERFACE, "LookUp", &m);
        if (status != EXIT_SUCCESS)
                return status;
        int r = sd_bus_message_append(m, "s", c->operands[0]);
        if (r >= 0)
                r = ca_append_no_options(m);
        if (r < 0)
                return cli_failed(r, "make a message");
        return ca_call_device(c, m, NULL);
}
