/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "cli/ca.h"

#define CA_NAME_DEFAULT "Attestation"

static const char next_steps[] =
        "\n"
        "Next, make an ACME server believe what this CA says of devices:\n"
        "    attezt ca root > attestation-root.pem\n"
        "    step ca provisioner add acme-da --type ACME --challenge device-attest-01 \\\n"
        "        --attestation-format tpm --attestation-roots attestation-root.pem --disable-renewal\n"
        "\n"
        "and add devices; \"attezt status\" on a device prints its hash:\n"
        "    attezt ca enroll HASH NAME\n"
        "\n"
        "Then, on the device:\n"
        "    attezt enroll --acme https://CA/acme/acme-da --attestation https://THIS-SERVER\n";

static int print_created(const Cli *c, const char *fingerprint, const char *pem) {
        if (!c->json) {
                printf("The attestation CA is there. SHA-256 fingerprint of its root certificate:\n"
                       "    %s\n%s", fingerprint, next_steps);
                return EXIT_SUCCESS;
        }

        _cleanup_json_ struct json_object *o = json_object_new_object();
        if (!o || json_object_object_add(o, "fingerprint", json_object_new_string(fingerprint)) < 0 ||
            json_object_object_add(o, "root-pem", json_object_new_string(pem)) < 0)
                return cli_failed(-ENOMEM, "make JSON");
        return cli_print_json(o);
}

int verb_ca_create(Cli *c, int argc, char **argv) {
        _cleanup_message_ sd_bus_message *m = NULL, *reply = NULL;
        const char *fingerprint, *pem;

        cli_parse(c, argc, argv, NULL, 0, 1);
        int status = cli_new_call(c, ATTEZT_SERVER_INTERFACE, "CreateCA", &m);
        if (status != EXIT_SUCCESS)
                return status;
        int r = sd_bus_message_append(m, "s", c->n_operands > 0 ? c->operands[0] : CA_NAME_DEFAULT);
        if (r >= 0)
                r = ca_append_no_options(m);
        if (r < 0)
                return cli_failed(r, "make a message");
        status = cli_call(c, m, &reply);
        if (status != EXIT_SUCCESS)
                return status;
        r = sd_bus_message_read(reply, "ss", &fingerprint, &pem);
        if (r < 0)
                return cli_failed(r, "read the answer");
        return print_created(c, fingerprint, pem);
}
