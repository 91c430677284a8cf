/* SPDX-License-Identifier: MIT */
#include "cli/ca.h"
#include "protocol/device-change.h"
#include "protocol/device-words.h"

typedef struct ApproveArguments {
        char text[2 * DEVICE_HASH_TEXT + DEVICE_WORDS_TEXT_MAX]; /* words or hash */
        CliList names;
        bool any_name, pinned;
        int64_t ak_lifetime, expires;
        const char *note;
} ApproveArguments;

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

static int append_names(sd_bus_message *m, const CliList *names) {
        int r = sd_bus_message_open_container(m, 'a', "s");
        for (unsigned i = 0; r >= 0 && i < names->n; i++)
                r = sd_bus_message_append(m, "s", names->list[i]);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

static int append_approve(sd_bus_message *m, const ApproveArguments *a) {
        int r = sd_bus_message_append(m, "s", a->text);
        if (r >= 0)
                r = append_names(m, &a->names);
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

int verb_ca_approve(Cli *c, int argc, char **argv) {
        _cleanup_message_ sd_bus_message *m = NULL;
        const char *expires = NULL;
        ApproveArguments a = {};
        const CliOption options[] = {
                { "name", CLI_LIST, &a.names, "NAME", "Its name; may be repeated" },
                { "any-name", CLI_FLAG, &a.any_name, NULL, "The device may order any name" },
                { "pinned", CLI_FLAG, &a.pinned, NULL, "Its EK needs no certificate of a trusted issuer" },
                { "ak-lifetime", CLI_SECONDS, &a.ak_lifetime, "TIME", "How long its AK certificates last" },
                { "expires", CLI_TEXT, &expires, "TIME", "When its entry ends: 2027-01-31, or 30d from now" },
                { "note", CLI_TEXT, &a.note, "TEXT", "A note for people" },
                {},
        };

        cli_parse(c, argc, argv, options, 1, DEVICE_WORDS);
        join_operands(c, a.text, sizeof(a.text));
        if (a.any_name && a.names.n > 0)
                cli_usage(c, "Either --name or --any-name.");
        for (unsigned i = 0; i < a.names.n; i++)
                ca_check_name(c, a.names.list[i]);
        if (a.ak_lifetime > AK_LIFETIME_MAX)
                cli_usage(c, "An AK certificate lives for at most %lld days.", AK_LIFETIME_MAX / 86400);
        a.expires = expires ? ca_parse_expires(c, expires) : 0;

        int status = cli_new_call(c, ATTEZT_SERVER_INTERFACE, "Approve", &m);
        if (status != EXIT_SUCCESS)
                return status;
        int r = append_approve(m, &a);
        if (r < 0)
                return cli_failed(r, "make a message");
        return ca_call_device(c, m, "Approved:");
}

int verb_ca_deny(Cli *c, int argc, char **argv) {
        char text[2 * DEVICE_HASH_TEXT + DEVICE_WORDS_TEXT_MAX];
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
