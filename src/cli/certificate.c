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

/* The same before and after a renewal: what they name is the newest certificate and its key. */
static int print_uris(const Cli *c) {
        static const char certificate[] = "pkcs11:token=Attestation%20Trust;object=Attezt%20TPM%20Certificate;type=cert";
        static const char key[] = "pkcs11:token=Attestation%20Trust;object=Attezt%20TPM%20key;type=private";

        if (c->json) {
                _cleanup_json_ struct json_object *o = json_object_new_object();
                if (!o || json_object_object_add(o, "certificate-uri", json_object_new_string(certificate)) < 0 ||
                    json_object_object_add(o, "key-uri", json_object_new_string(key)) < 0)
                        return cli_failed(-ENOMEM, "make JSON");
                return cli_print_json(o);
        }
        return printf("%s\n%s\n", certificate, key) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

int verb_certificate(Cli *c, int argc, char **argv) {
        _cleanup_message_ sd_bus_message *reply = NULL;
        const char *pem;
        bool uri = false;
        const CliOption options[] = {
                { "uri", CLI_FLAG, &uri, NULL, "Print the PKCS#11 URIs of certificate and key instead" },
                {},
        };
        int r, status;

        cli_parse(c, argc, argv, options, 0, 1);
        if (uri && c->n_operands > 0)
                cli_usage(c, "--uri is for the device's certificate: its attestation key is not on the token.");
        if (c->n_operands > 0 && strcmp(c->operands[0], "ak") != 0)
                cli_usage(c, "There are the device's certificate (no argument) and the attestation key's (\"ak\").");
        status = get(c, c->n_operands > 0 ? "ak" : "device", &reply);
        if (status != EXIT_SUCCESS)
                return status;
        r = sd_bus_message_read(reply, "s", &pem);
        if (r < 0)
                return cli_failed(r, "read the answer");
        if (uri)
                return print_uris(c);
        if (c->json)
                return print_json(pem);
        fputs(pem, stdout);
        return EXIT_SUCCESS;
}
