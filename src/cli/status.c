/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "cli/device.h"
#include "protocol/renewal-plan.h"

static int get_status(Cli *c, struct json_object **ret) {
        _cleanup_message_ sd_bus_message *m = NULL, *reply = NULL;
        int r, status;

        status = cli_new_call(c, ATTEZT_AGENT_INTERFACE, "GetStatus", &m);
        if (status != EXIT_SUCCESS)
                return status;
        r = sd_bus_message_append(m, "a{sv}", 0);
        if (r < 0)
                return cli_failed(r, "make a message");
        status = cli_call(c, m, &reply);
        if (status != EXIT_SUCCESS)
                return status;
        r = cli_read_dict(reply, ret);
        return r < 0 ? cli_failed(r, "read the answer") : EXIT_SUCCESS;
}

static void print_line(const char *label, const char *text) {
        printf("%19s: ", label);
        cli_put_text(stdout, text);
        putchar('\n');
}

static void print_next_renewal(struct json_object *o) {
        char line[CLI_TIME_MAX + 128], time[CLI_TIME_MAX];
        int64_t next = cli_number(o, "next-renewal");

        if (next == 0)
                return;
        (void) snprintf(line, sizeof(line), "%s (%s)", cli_format_time(next, time),
                        renewal_reason_to_text(renewal_reason_from_string(cli_text(o, "next-renewal-reason"))));
        print_line(cli_bool(o, "enrolled") ? "Next renewal" : "Next attempt", line);
}

static void print_failures(struct json_object *o) {
        long long failures = cli_number(o, "renewal-failures");

        if (strcmp(cli_text(o, "last-outcome"), "no-network") == 0)
                fprintf(stderr, "No server can be reached. It is tried again every half minute.\n");
        else if (failures > 1)
                fprintf(stderr, "The last %lld attempts to get a certificate failed.\n", failures);
}

/* What is no part of the layout goes where talk goes. */
static void print_remarks(struct json_object *o) {
        const char *error = cli_text(o, "last-error");

        if (strcmp(cli_text(o, "state"), "working") == 0)
                fprintf(stderr, "A job is running%s%s.\n", *cli_text(o, "step") ? ": " : "", cli_text(o, "step"));
        print_failures(o);
        if (*error) {
                fputs("Last error: ", stderr);
                cli_put_lines(stderr, error);
                fputc('\n', stderr);
        }
}

static int print_status(struct json_object *o, const CertificateChainView *chain) {
        const char *hash = cli_text(o, "ek-hash");
        bool enrolled = cli_bool(o, "enrolled");
        char words[DEVICE_WORDS_TEXT_MAX];

        printf("Status:\n");
        print_line("Endorsement Key", *hash ? hash : "unknown");
        print_line("Enrollment status", enrolled ? "true" : "false");
        if (enrolled) {
                print_line("ACME Server", cli_text(o, "acme-server"));
                print_line("Attestation Server", cli_text(o, "attestation-server"));
        }
        if (device_words_of(o, words))
                print_line("Waits for approval", words);
        print_next_renewal(o);
        if (enrolled) {
                printf("\nCertificate chain:\n");
                device_print_chain(chain);
        }
        (void) fflush(stdout);
        print_remarks(o);
        return EXIT_SUCCESS;
}

int verb_status(Cli *c, int argc, char **argv) {
        _cleanup_json_ struct json_object *o = NULL;
        _cleanup_certificate_chain_view_ CertificateChainView chain = {};
        char words[DEVICE_WORDS_TEXT_MAX];
        struct json_object *array;
        int r, status;

        cli_parse(c, argc, argv, NULL, 0, 0);
        status = get_status(c, &o);
        if (status != EXIT_SUCCESS)
                return status;
        if (cli_bool(o, "enrolled")) {
                r = certificate_chain_view_from_pem(VIEW_STR(cli_text(o, "chain-pem")), &chain);
                if (r < 0)
                        return cli_failed(r, "read the certificates");
        }
        if (!c->json)
                return print_status(o, &chain);
        if (device_words_of(o, words) && json_object_object_add(o, "words", json_object_new_string(words)) < 0)
                return cli_failed(-ENOMEM, "make JSON");
        r = device_chain_to_json(&chain, &array);
        if (r >= 0)
                r = json_object_object_add(o, "certificates", array);
        return r < 0 ? cli_failed(-ENOMEM, "make JSON") : cli_print_json(o);
}
