/* SPDX-License-Identifier: MIT */
#include "cli/ca-new-device.h"
#include "protocol/device-names.h"
#include "protocol/device-words.h"

#define TEXT_MAX (2 * DEVICE_HASH_TEXT + DEVICE_WORDS_TEXT_MAX) /* words or hash */

/* Six words may come as six arguments, as one, or joined by hyphens. */
static void join_operands(const Cli *c, char *ret, size_t size) {
        size_t used = 0;
        uint64_t bits;

        ret[0] = 0;
        for (int i = 0; i < c->n_operands; i++) {
                size_t n = strlen(c->operands[i]);
                if (used + n + 2 > size)
                        cli_usage(c, "That is neither six words nor a hash.");
                if (i > 0)
                        ret[used++] = ' ';
                memcpy(ret + used, c->operands[i], n + 1);
                used += n;
        }
        if (!device_hash_valid(ret) && device_words_parse(ret, &bits) < 0)
                cli_usage(c, "All six words, please, as the device shows them, or the whole hash: part of them could be "
                             "another device's.");
}

int verb_ca_approve(Cli *c, int argc, char **argv) {
        _cleanup_message_ sd_bus_message *m = NULL;
        char text[TEXT_MAX];
        CliList names = {};
        CaNewDevice d = {};
        const CliOption options[] = {
                { "name", CLI_LIST, &names, "NAME", "Its name; may be repeated" },
                CA_NEW_DEVICE_OPTIONS(d),
                {},
        };

        cli_parse(c, argc, argv, options, 1, DEVICE_WORDS);
        join_operands(c, text, sizeof(text));
        d.names = names.list;
        d.n_names = names.n;
        ca_check_new_device(c, &d);

        int status = cli_new_call(c, ATTEZT_SERVER_INTERFACE, "Approve", &m);
        if (status != EXIT_SUCCESS)
                return status;
        int r = sd_bus_message_append(m, "s", text);
        if (r >= 0)
                r = ca_append_new_device(m, &d);
        if (r < 0)
                return cli_failed(r, "make a message");
        return ca_call_device(c, m, "Approved:");
}

int verb_ca_deny(Cli *c, int argc, char **argv) {
        char text[TEXT_MAX];
        _cleanup_message_ sd_bus_message *m = NULL;

        cli_parse(c, argc, argv, NULL, 1, DEVICE_WORDS);
        join_operands(c, text, sizeof(text));
        int status = cli_new_call(c, ATTEZT_SERVER_INTERFACE, "Deny", &m);
        if (status != EXIT_SUCCESS)
                return status;
        int r = sd_bus_message_append(m, "s", text);
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'a', "{sv}");
        if (r >= 0)
                r = ca_append_operation(m);
        if (r >= 0)
                r = sd_bus_message_close_container(m);
        if (r < 0)
                return cli_failed(r, "make a message");
        return ca_call_device(c, m, "Denied; it stays out until somebody approves its hash or removes this entry:");
}
