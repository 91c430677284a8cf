/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "cli/ca.h"

/* A single certificate: the device goes on. */
static void show_certificate(struct json_object *end) {
        int64_t ak = cli_number(end, "ak-until");
        char text[CLI_TIME_MAX];

        printf(cli_number(end, "revoked") > 0 ? "Revoked." : "It was revoked before, or is over.");
        if (ak > 0)
                printf(" It ends at %s: until then an ACME server\nthat does not read the revocation list still takes it.",
                       cli_format_time(ak, text));
        printf("\nThe device gets others; to end that: attezt ca revoke DEVICE.\n");
}

static int show(const Cli *c, sd_bus_message *reply) {
        _cleanup_json_ struct json_object *end = NULL;

        int r = cli_read_dict(reply, &end);
        if (r < 0)
                return cli_failed(r, "read the answer");
        if (c->json)
                return cli_print_json(end);
        if (!cli_text(end, "ek-hash")[0]) {
                show_certificate(end);
                return EXIT_SUCCESS;
        }
        fprintf(stderr, "Disabled:\n");
        int status = ca_show_device(end);
        if (status == EXIT_SUCCESS)
                ca_print_end(end);
        return status;
}

int verb_ca_revoke(Cli *c, int argc, char **argv) {
        _cleanup_message_ sd_bus_message *m = NULL, *reply = NULL;
        const char *reason = "unspecified";
        const CliOption options[] = {
                { "reason", CLI_TEXT, &reason, "REASON", "Why: key-compromise, affiliation-changed, superseded, …" },
                {},
        };

        cli_parse(c, argc, argv, options, 1, 1);
        int status = cli_new_call(c, ATTEZT_SERVER_INTERFACE, "Revoke", &m);
        if (status != EXIT_SUCCESS)
                return status;
        int r = sd_bus_message_append(m, "sa{sv}", c->operands[0], 1, "reason", "s", reason);
        if (r < 0)
                return cli_failed(r, "make a message");
        status = cli_call(c, m, &reply);
        return status == EXIT_SUCCESS ? show(c, reply) : status;
}
