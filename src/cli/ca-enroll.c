/* SPDX-License-Identifier: MIT */
#include "cli/ca-new-device.h"
#include "protocol/device-record.h"

static int find_hash(Cli *c, const char *certificate, char ret[static DEVICE_HASH_TEXT + 1], CaNewDevice *d) {
        uint8_t hash[32];

        d->names = (const char *const *) c->operands;
        d->n_names = (unsigned) c->n_operands;
        if (certificate) {
                if (c->n_operands > 0 && device_hash_valid(c->operands[0]))
                        cli_usage(c, "Either a hash or --certificate.");
                int status = ca_read_ek_file(certificate, hash);
                if (status != EXIT_SUCCESS)
                        return status;
        } else {
                if (c->n_operands == 0)
                        cli_usage(c, "Something is missing: the hash of the EK, or --certificate.");
                if (device_hash_parse(c->operands[0], hash) < 0)
                        cli_usage(c, "The hash of an EK has 64 hexadecimal digits.");
                d->names++;
                d->n_names--;
        }
        device_hash_format(hash, ret);
        return EXIT_SUCCESS;
}

int verb_ca_enroll(Cli *c, int argc, char **argv) {
        _cleanup_message_ sd_bus_message *m = NULL;
        char hash[DEVICE_HASH_TEXT + 1];
        const char *certificate = NULL;
        CaNewDevice d = {};
        const CliOption options[] = {
                { "certificate", CLI_TEXT, &certificate, "FILE", "The EK's certificate or public key, not its hash" },
                CA_NEW_DEVICE_OPTIONS(d),
                {},
        };

        cli_parse(c, argc, argv, options, 0, 1 + DEVICE_NAMES_MAX);
        int status = find_hash(c, certificate, hash, &d);
        if (status != EXIT_SUCCESS)
                return status;
        ca_check_new_device(c, &d);
        status = cli_new_call(c, ATTEZT_SERVER_INTERFACE, "Enroll", &m);
        if (status != EXIT_SUCCESS)
                return status;
        int r = sd_bus_message_append(m, "s", hash);
        if (r >= 0)
                r = ca_append_new_device(m, &d);
        if (r < 0)
                return cli_failed(r, "make a message");
        return ca_call_device(c, m, "Enrolled:");
}
