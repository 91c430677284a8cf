/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "cli/cli.h"

static int print_root(const Cli *c, const char *fingerprint, const char *pem) {
        if (!c->json) {
                fputs(pem, stdout);
                return EXIT_SUCCESS;
        }

        _cleanup_json_ struct json_object *o = json_object_new_object();
        if (!o || json_object_object_add(o, "fingerprint", json_object_new_string(fingerprint)) < 0 ||
            json_object_object_add(o, "root-pem", json_object_new_string(pem)) < 0)
                return cli_failed(-ENOMEM, "make JSON");
        return cli_print_json(o);
}

int verb_ca_root(Cli *c, int argc, char **argv) {
        _cleanup_message_ sd_bus_message *m = NULL, *reply = NULL;
        const char *fingerprint, *pem;

        cli_parse(c, argc, argv, NULL, 0, 0);
        int status = cli_new_call(c, ATTEZT_SERVER_INTERFACE, "GetRootCertificate", &m);
        if (status != EXIT_SUCCESS)
                return status;
        int r = sd_bus_message_append(m, "a{sv}", 0);
        if (r < 0)
                return cli_failed(r, "make a message");
        status = cli_call(c, m, &reply);
        if (status != EXIT_SUCCESS)
                return status;
        r = sd_bus_message_read(reply, "ss", &fingerprint, &pem);
        if (r < 0)
                return cli_failed(r, "read the answer");
        return print_root(c, fingerprint, pem);
}
