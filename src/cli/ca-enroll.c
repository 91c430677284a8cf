/* SPDX-License-Identifier: MIT */
#include "cli/ca.h"
#include "protocol/device-record.h"

typedef struct EnrollArguments {
        char hash[DEVICE_HASH_TEXT + 1];
        char **names;
        int n_names;
        bool any_name, pinned;
        int64_t ak_lifetime, expires;
        const char *note;
} EnrollArguments;

static int append_names(sd_bus_message *m, const EnrollArguments *a) {
        int r = sd_bus_message_open_container(m, 'a', "s");
        for (int i = 0; r >= 0 && i < a->n_names; i++)
                r = sd_bus_message_append(m, "s", a->names[i]);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

static int append_arguments(sd_bus_message *m, const EnrollArguments *a) {
        int r = sd_bus_message_append(m, "s", a->hash);
        if (r >= 0)
                r = append_names(m, a);
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'a', "{sv}");
        if (r >= 0)
                r = ca_append_operation(m);
        if (r >= 0 && a->any_name)
                r = sd_bus_message_append(m, "{sv}", "any-name", "b", true);
        if (r >= 0 && a->pinned)
                r = sd_bus_message_append(m, "{sv}", "pinned", "b", true);
        if (r >= 0 && a->ak_lifetime > 0)
                r = sd_bus_message_append(m, "{sv}", "ak-lifetime", "t", (uint64_t) a->ak_lifetime);
        if (r >= 0 && a->expires > 0)
                r = sd_bus_message_append(m, "{sv}", "expires", "t", (uint64_t) a->expires);
        if (r >= 0 && a->note)
                r = sd_bus_message_append(m, "{sv}", "note", "s", a->note);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

/* What the server would refuse as well, told before anybody is asked for a password. */
static int check_arguments(const Cli *c, const EnrollArguments *a) {
        if (a->any_name && a->n_names > 0)
                cli_usage(c, "Either names or --any-name.");
        if (a->n_names > (int) DEVICE_NAMES_MAX)
                cli_usage(c, "A device has at most %u names.", DEVICE_NAMES_MAX);
        if (a->ak_lifetime > AK_LIFETIME_MAX)
                cli_usage(c, "An AK certificate lives for at most %lld days.", AK_LIFETIME_MAX / 86400);
        for (int i = 0; i < a->n_names; i++)
                ca_check_name(c, a->names[i]);
        return EXIT_SUCCESS;
}

static int find_hash(Cli *c, const char *certificate, EnrollArguments *a) {
        uint8_t hash[32];

        a->names = c->operands;
        a->n_names = c->n_operands;
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
                a->names++;
                a->n_names--;
        }
        device_hash_format(hash, a->hash);
        return EXIT_SUCCESS;
}

int verb_ca_enroll(Cli *c, int argc, char **argv) {
        _cleanup_message_ sd_bus_message *m = NULL;
        const char *certificate = NULL, *expires = NULL;
        EnrollArguments a = {};
        const CliOption options[] = {
                { "certificate", CLI_TEXT, &certificate, "FILE", "The EK's certificate or public key, not its hash" },
                { "any-name", CLI_FLAG, &a.any_name, NULL, "The device may order any name" },
                { "pinned", CLI_FLAG, &a.pinned, NULL, "Its EK needs no certificate of a trusted issuer" },
                { "ak-lifetime", CLI_SECONDS, &a.ak_lifetime, "TIME", "How long its AK certificates last" },
                { "expires", CLI_TEXT, &expires, "TIME", "When its entry ends: 2027-01-31, or 30d from now" },
                { "note", CLI_TEXT, &a.note, "TEXT", "A note for people" },
                {},
        };

        cli_parse(c, argc, argv, options, 0, 1 + DEVICE_NAMES_MAX);
        a.expires = expires ? ca_parse_expires(c, expires) : 0;
        int status = find_hash(c, certificate, &a);
        if (status == EXIT_SUCCESS)
                status = check_arguments(c, &a);
        if (status == EXIT_SUCCESS)
                status = cli_new_call(c, ATTEZT_SERVER_INTERFACE, "Enroll", &m);
        if (status != EXIT_SUCCESS)
                return status;
        int r = append_arguments(m, &a);
        if (r < 0)
                return cli_failed(r, "make a message");
        return ca_call_device(c, m, "Enrolled:");
}
