/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "cli/device.h"

static int print_json(const char *pem) {
        _cleanup_certificate_chain_view_ CertificateChainView chain = {};
        _cleanup_json_ struct json_object *o = json_object_new_object();
        struct json_object *array = NULL;
        int r;

        r = certificate_chain_view_from_pem(VIEW_STR(pem), &chain);
        if (r < 0)
                return cli_failed(r, "read the certificates");
        r = device_chain_to_json(&chain, &array);
        if (r < 0 || !o || json_object_object_add(o, "certificates", array) < 0 ||
            json_object_object_add(o, "pem", json_object_new_string(pem)) < 0)
                return cli_failed(-ENOMEM, "make JSON");
        return cli_print_json(o);
}

static int get(Cli *c, const char *which, sd_bus_message **ret) {
        _cleanup_message_ sd_bus_message *m = NULL;
        int r, status;

        status = cli_new_call(c, ATTEZT_AGENT_INTERFACE, "GetCertificate", &m);
        if (status != EXIT_SUCCESS)
                return status;
        r = sd_bus_message_append(m, "a{sv}", 1, "which", "s", which);
        if (r < 0)
                return cli_failed(r, "make a message");
        return cli_call(c, m, ret);
}

int verb_certificate(Cli *c, int argc, char **argv) {
        _cleanup_message_ sd_bus_message *reply = NULL;
        const char *pem;
        int r, status;

        cli_parse(c, argc, argv, NULL, 0, 1);
        if (c->n_operands > 0 && strcmp(c->operands[0], "ak") != 0)
                cli_usage(c, "There are the device's certificate (no argument) and the attestation key's (\"ak\").");
        status = get(c, c->n_operands > 0 ? "ak" : "device", &reply);
        if (status != EXIT_SUCCESS)
                return status;
        r = sd_bus_message_read(reply, "s", &pem);
        if (r < 0)
                return cli_failed(r, "read the answer");
        if (c->json)
                return print_json(pem);
        fputs(pem, stdout);
        return EXIT_SUCCESS;
}
