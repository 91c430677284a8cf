/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "cli/ca.h"
#include "protocol/waiting-room.h"

typedef struct PendingContext {
        WaitingFilter filter;
        size_t n;
        struct json_object *array; /* with --json */
} PendingContext;

static void put_line(const char *label, const char *text) {
        printf("%19s: ", label);
        cli_put_text(stdout, text);
        putchar('\n');
}

static void print_certificate(struct json_object *d) {
        const char *kind = cli_text(d, "ek-certificate");

        printf("     EK certificate: ");
        if (strcmp(kind, "trusted") == 0) {
                printf("from a trusted issuer (TPM ");
                cli_put_text(stdout, cli_text(d, "manufacturer"));
                putchar(' ');
                cli_put_text(stdout, cli_text(d, "model"));
                printf(")\n");
        } else if (strcmp(kind, "untrusted") == 0) {
                printf("no trusted issuer; it claims to be from ");
                cli_put_text(stdout, *cli_text(d, "issuer") ? cli_text(d, "issuer") : "nobody");
                printf("\n                     (trust that issuer, or approve with --pinned)\n");
        } else
                printf("none (approve with --pinned)\n");
}

static int list_waiting(struct json_object *d, void *userdata) {
        PendingContext *x = userdata;
        char first[CLI_TIME_MAX], last[CLI_TIME_MAX];
        const NetAddress source = waiting_peer_source(cli_text(d, "peer"));

        if (!waiting_filter_has(&x->filter, strcmp(cli_text(d, "ek-certificate"), "trusted") == 0, &source))
                return 0;
        x->n++;
        if (x->array)
                return json_object_array_add(x->array, json_object_get(d)) < 0 ? -ENOMEM : 0;
        if (x->n > 1)
                putchar('\n');
        put_line("Words", cli_text(d, "words"));
        put_line("Endorsement Key", cli_text(d, "ek-hash"));
        print_certificate(d);
        put_line("Asked from", cli_text(d, "peer"));
        printf("              Since: %s, last %s\n", cli_format_time(cli_number(d, "first-seen"), first),
               cli_format_time(cli_number(d, "last-seen"), last));
        if (cli_bool(d, "removed"))
                printf("            Removed: it was in the inventory before, and was removed\n");
        return 0;
}

static int show(Cli *c, const WaitingFilter *filter) {
        _cleanup_json_ struct json_object *array = NULL;

        if (c->json) {
                array = json_object_new_array();
                if (!array)
                        return cli_failed(-ENOMEM, "make a list");
        }
        PendingContext x = { .array = array, .filter = *filter };
        int status = ca_for_each(c, "ListPending", list_waiting, &x);
        if (status != EXIT_SUCCESS)
                return status;
        if (c->json)
                return cli_print_json(array);
        fflush(stdout);
        if (x.n == 0)
                fprintf(stderr, "No %sdevice waits for approval.\n", filter->untrusted || filter->by_source ? "such " : "");
        else
                fprintf(stderr, "\nCompare the words with those that the device shows, then: attezt ca approve WORDS --name NAME\n");
        return EXIT_SUCCESS;
}

/* --- --clear --- */

static bool confirmed(const WaitingFilter *filter, const char *source, bool yes) {
        if (yes)
                return true;
        if (!cli_confirm_can_ask()) {
                log_error("Nobody is here to say yes: look at what \"attezt ca pending\" shows with the same options, and "
                          "say --yes.");
                return false;
        }
        return cli_confirm("Forget all devices%s%s%s that wait for approval?", source ? " from " : "", source ?: "",
                           filter->untrusted ? " without a trusted EK certificate" : "");
}

static int append_filter(sd_bus_message *m, const WaitingFilter *filter, const char *source) {
        int r = sd_bus_message_open_container(m, 'a', "{sv}");
        if (r >= 0 && source)
                r = sd_bus_message_append(m, "{sv}", "source", "s", source);
        if (r >= 0 && filter->untrusted)
                r = sd_bus_message_append(m, "{sv}", "untrusted", "b", 1);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

static int print_cleared(const Cli *c, uint32_t n) {
        if (c->json) {
                _cleanup_json_ struct json_object *o = json_object_new_object();
                struct json_object *number = json_object_new_int64(n);
                if (!o || !number || json_object_object_add(o, "cleared", number) < 0)
                        return cli_failed(-ENOMEM, "make the answer");
                return cli_print_json(o);
        }
        printf("%u device%s forgotten. One that asks again waits again.\n", n, n == 1 ? " was" : "s were");
        return EXIT_SUCCESS;
}

static int clear(Cli *c, const WaitingFilter *filter, const char *source) {
        _cleanup_message_ sd_bus_message *m = NULL, *reply = NULL;
        uint32_t n;

        int status = cli_new_call(c, ATTEZT_SERVER_INTERFACE, "ClearPending", &m);
        if (status != EXIT_SUCCESS)
                return status;
        int r = append_filter(m, filter, source);
        if (r < 0)
                return cli_failed(r, "make a message");
        status = cli_call(c, m, &reply);
        if (status != EXIT_SUCCESS)
                return status;
        r = sd_bus_message_read(reply, "u", &n);
        return r < 0 ? cli_failed(r, "read the answer") : print_cleared(c, n);
}

int verb_ca_pending(Cli *c, int argc, char **argv) {
        WaitingFilter filter = {};
        const char *source = NULL;
        bool clearing = false, yes = false;
        const CliOption options[] = {
                { "source", CLI_TEXT, &source, "ADDRESS", "Only those that asked from there (IPv6: from its /64)" },
                { "untrusted", CLI_FLAG, &filter.untrusted, NULL, "Only those without a trusted EK certificate" },
                { "clear", CLI_FLAG, &clearing, NULL, "Forget them; one that asks again waits again" },
                { "yes", CLI_FLAG, &yes, NULL, "With --clear: ask nothing, for scripts" },
                {},
        };

        cli_parse(c, argc, argv, options, 0, 0);
        if (source && waiting_filter_source(&filter, source) < 0)
                cli_usage(c, "--source wants an address, such as 192.0.2.7 or 2001:db8::7.");
        if (yes && !clearing)
                cli_usage(c, "--yes goes with --clear.");
        if (!clearing)
                return show(c, &filter);
        return confirmed(&filter, source, yes) ? clear(c, &filter, source) : EXIT_FAILURE;
}
