/* SPDX-License-Identifier: MIT */
#include "cli/ca.h"
#include "protocol/device-change.h"
#include "protocol/settings.h"

typedef struct SetArguments {
        CliList names, add, remove;
        bool no_name, any_name, pinned, not_pinned, disabled, enabled;
        const char *note, *lifetime, *expires, *version;
} SetArguments;

static void check_names(const Cli *c, const CliList *l) {
        for (unsigned i = 0; i < l->n; i++)
                ca_check_name(c, l->list[i]);
}

static void check_arguments(const Cli *c, const SetArguments *a) {
        if (a->pinned && a->not_pinned)
                cli_usage(c, "Either --pinned or --not-pinned.");
        if (a->disabled && a->enabled)
                cli_usage(c, "Either --disabled or --enabled.");
        if ((a->any_name || a->no_name) && (a->names.n > 0 || a->add.n > 0))
                cli_usage(c, "Either names, or --any-name or --no-name.");
        if (a->names.n == 0 && a->add.n == 0 && a->remove.n == 0 && !a->no_name && !a->any_name && !a->pinned &&
            !a->not_pinned && !a->disabled && !a->enabled && !a->note && !a->lifetime && !a->expires)
                cli_usage(c, "Nothing to change.");
        check_names(c, &a->names);
        check_names(c, &a->add);
        check_names(c, &a->remove);
        if (a->note && strlen(a->note) > DEVICE_NOTE_MAX)
                cli_usage(c, "A note has at most %u bytes.", DEVICE_NOTE_MAX);
}

static uint64_t parse_lifetime(const Cli *c, const char *text) {
        int64_t seconds = 0;

        if (strcmp(text, "default") == 0)
                return 0;
        if (settings_parse_duration(text, AK_LIFETIME_MAX, &seconds) < 0 || seconds == 0)
                cli_usage(c, "--ak-lifetime wants a time such as 24h, 30d or 1y, at most %lld days, or default.",
                          AK_LIFETIME_MAX / 86400);
        return (uint64_t) seconds;
}

static uint64_t parse_version(const Cli *c, const char *text) {
        char *end;

        errno = 0;
        unsigned long long version = strtoull(text, &end, 10);
        if (errno != 0 || *end || *text < '0' || *text > '9' || version == 0)
                cli_usage(c, "--if-version wants the number that lookup --json shows as version.");
        return version;
}

static int append_lists(sd_bus_message *m, const SetArguments *a) {
        int r = 0;

        if (a->names.n > 0 || a->no_name || a->any_name)
                r = ca_append_texts(m, "names", a->names.list, a->names.n);
        if (r >= 0 && a->add.n > 0)
                r = ca_append_texts(m, "add-names", a->add.list, a->add.n);
        if (r >= 0 && a->remove.n > 0)
                r = ca_append_texts(m, "remove-names", a->remove.list, a->remove.n);
        return r;
}

static int append_flags(sd_bus_message *m, const SetArguments *a) {
        const struct {
                const char *name;
                bool given, value;
        } flags[] = {
                { "any-name", a->any_name || a->no_name, a->any_name },
                { "pinned", a->pinned || a->not_pinned, a->pinned },
                { "disabled", a->disabled || a->enabled, a->disabled },
        };
        int r = 0;

        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(flags); i++)
                if (flags[i].given)
                        r = sd_bus_message_append(m, "{sv}", flags[i].name, "b", (int) flags[i].value);
        return r;
}

static int append_arguments(const Cli *c, sd_bus_message *m, const SetArguments *a) {
        int r = sd_bus_message_append(m, "s", c->operands[0]);
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'a', "{sv}");
        if (r >= 0)
                r = ca_append_operation(m);
        if (r >= 0)
                r = append_lists(m, a);
        if (r >= 0)
                r = append_flags(m, a);
        if (r >= 0 && a->note)
                r = sd_bus_message_append(m, "{sv}", "note", "s", a->note);
        if (r >= 0 && a->lifetime)
                r = sd_bus_message_append(m, "{sv}", "ak-lifetime", "t", parse_lifetime(c, a->lifetime));
        if (r >= 0 && a->expires)
                r = sd_bus_message_append(m, "{sv}", "expires", "t", (uint64_t) ca_parse_expires(c, a->expires));
        if (r >= 0 && a->version)
                r = sd_bus_message_append(m, "{sv}", "version", "t", parse_version(c, a->version));
        return r < 0 ? r : sd_bus_message_close_container(m);
}

/* It has less than before: what it got then is still in its hands. */
static bool takes_away(const SetArguments *a) {
        return a->disabled || a->no_name || a->names.n > 0 || a->remove.n > 0;
}

static int change(Cli *c, sd_bus_message *m, const SetArguments *a) {
        _cleanup_json_ struct json_object *device = NULL;

        int status = ca_ask_device(c, m, "Changed:", &device);
        if (status == EXIT_SUCCESS && !c->json && takes_away(a))
                ca_print_held(device, cli_text(device, "ek-hash"), false);
        return status;
}

int verb_ca_set(Cli *c, int argc, char **argv) {
        _cleanup_message_ sd_bus_message *m = NULL;
        SetArguments a = {};
        const CliOption options[] = {
                { "name", CLI_LIST, &a.names, "NAME", "Its name, in place of those that it has; may be repeated" },
                { "add-name", CLI_LIST, &a.add, "NAME", "One more name; may be repeated" },
                { "remove-name", CLI_LIST, &a.remove, "NAME", "Take a name away; may be repeated" },
                { "no-name", CLI_FLAG, &a.no_name, NULL, "Take all names away: its hash is its name" },
                { "any-name", CLI_FLAG, &a.any_name, NULL, "The device may order any name" },
                { "pinned", CLI_FLAG, &a.pinned, NULL, "Its EK needs no certificate of a trusted issuer" },
                { "not-pinned", CLI_FLAG, &a.not_pinned, NULL, "It needs one" },
                { "disabled", CLI_FLAG, &a.disabled, NULL, "It gets no AK certificates any more" },
                { "enabled", CLI_FLAG, &a.enabled, NULL, "It gets them again" },
                { "ak-lifetime", CLI_TEXT, &a.lifetime, "TIME", "How long its AK certificates last, or default" },
                { "expires", CLI_TEXT, &a.expires, "TIME", "When its entry ends: 2027-01-31, 30d from now, or never" },
                { "note", CLI_TEXT, &a.note, "TEXT", "A note for people; \"\" for none" },
                { "if-version", CLI_TEXT, &a.version, "NUMBER", "Only if it is still of the version that was seen" },
                {},
        };

        cli_parse(c, argc, argv, options, 1, 1);
        check_arguments(c, &a);
        int status = cli_new_call(c, ATTEZT_SERVER_INTERFACE, "Change", &m);
        if (status != EXIT_SUCCESS)
                return status;
        int r = append_arguments(c, m, &a);
        if (r < 0)
                return cli_failed(r, "make a message");
        return change(c, m, &a);
}
