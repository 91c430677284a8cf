/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "cli/ca.h"
#include "protocol/device-names.h"

static int append_arguments(sd_bus_message *m, const char *device, const char *hash, bool pinned) {
        int r = sd_bus_message_append(m, "ss", device, hash);
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'a', "{sv}");
        if (r >= 0)
                r = ca_append_operation(m);
        if (r >= 0 && pinned)
                r = sd_bus_message_append(m, "{sv}", "pinned", "b", true);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

static int replace(Cli *c, sd_bus_message *m) {
        _cleanup_json_ struct json_object *device = NULL;

        int status = ca_ask_device(c, m, "The old entry is disabled. In its place:", &device);
        if (status != EXIT_SUCCESS || c->json || !cli_text(device, "replaced")[0])
                return status;
        printf("\nOf the old one, %s:", cli_text(device, "replaced"));
        ca_print_held(device, cli_text(device, "replaced"), true);
        return status;
}

int verb_ca_replace(Cli *c, int argc, char **argv) {
        _cleanup_message_ sd_bus_message *m = NULL;
        const char *certificate = NULL;
        char hash[DEVICE_HASH_TEXT + 1];
        uint8_t bytes[32];
        bool pinned = false;
        const CliOption options[] = {
                { "certificate", CLI_TEXT, &certificate, "FILE", "The new EK's certificate or public key, not its hash" },
                { "pinned", CLI_FLAG, &pinned, NULL, "The new EK needs no certificate of a trusted issuer" },
                {},
        };

        cli_parse(c, argc, argv, options, 1, 2);
        if (!certificate == (c->n_operands == 1))
                cli_usage(c, "The new EK, please: its hash, or --certificate.");
        if (certificate) {
                int status = ca_read_ek_file(certificate, bytes);
                if (status != EXIT_SUCCESS)
                        return status;
        } else if (device_hash_parse(c->operands[1], bytes) < 0)
                cli_usage(c, "The hash of an EK has 64 hexadecimal digits.");
        device_hash_format(bytes, hash);

        int status = cli_new_call(c, ATTEZT_SERVER_INTERFACE, "Replace", &m);
        if (status != EXIT_SUCCESS)
                return status;
        int r = append_arguments(m, c->operands[0], hash, pinned);
        if (r < 0)
                return cli_failed(r, "make a message");
        return replace(c, m);
}
