/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <time.h>

#include "cli/device.h"
#include "protocol/renewal-plan.h"
#include "protocol/told-record.h"
#include "shared/files.h"

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

/* Whether it still serves: it may have ended with nobody failing, as while the device was off. */
static RenewalNotice notice_of(struct json_object *o, const CertificateChainView *chain) {
        bool failing = device_fails_to_renew(cli_number(o, "renewal-failures"), cli_text(o, "last-outcome"));
        int64_t t = (int64_t) time(NULL);

        if (chain->n == 0)
                return NOTICE_NONE;
        int64_t end = chain->certificates[0].not_after;
        return renewal_notice(failing || t >= end, cli_number(o, "last-renewal"), end, t);
}

static void print_notice(RenewalNotice notice, const CertificateChainView *chain) {
        char line[CLI_TIME_MAX + 64], time[CLI_TIME_MAX];

        if (notice == NOTICE_NONE)
                return;
        (void) snprintf(line, sizeof(line), notice == NOTICE_ENDED ? "ended at %s, and is not renewed yet"
                                                                   : "ends at %s, and could not be renewed yet",
                        cli_format_time(chain->certificates[0].not_after, time));
        print_line("Certificate", line);
}

/* What attezt-renewed has left on this machine; nothing of it: nobody failed. */
static void read_told(Told *ret) {
        _cleanup_bytes_ Bytes text = BYTES_NULL;

        if (file_read(ATTEZT_RENEWED_DIR "/" TOLD_FILE, TOLD_TEXT_MAX, &text) >= 0)
                (void) told_parse(bytes_view(&text), ret);
}

static void print_told(void) {
        _cleanup_told_ Told t = {};

        read_told(&t);
        if (!t.failed || told_failures(&t) == 0)
                return;
        printf("%19s: failed for", "Told of it");
        for (size_t i = 0; i < told_failures(&t); i++) {
                printf("%s ", i > 0 ? "," : "");
                cli_put_text(stdout, told_failure(&t, i));
        }
        printf(" (tried %u of %u times; journalctl -u attezt-renewed tells why)\n", t.tries, TOLD_TRIES_MAX);
}

static int add_told(struct json_object *o) {
        struct json_object *none = NULL;
        _cleanup_told_ Told t = {};

        read_told(&t);
        if (t.failed)
                return json_add(o, "not-told", json_object_get(t.failed));
        int r = json_new_array(&none);
        return r < 0 ? r : json_add(o, "not-told", none);
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
        print_notice(notice_of(o, chain), chain);
        if (enrolled)
                print_told();
        print_next_renewal(o);
        if (enrolled) {
                printf("\nCertificate chain:\n");
                device_print_chain(chain);
        }
        (void) fflush(stdout);
        print_remarks(o);
        return EXIT_SUCCESS;
}

static int add_facts(struct json_object *o, const CertificateChainView *chain) {
        static const char *const states[] = { [NOTICE_NONE] = "valid", [NOTICE_SOON] = "ends-soon",
                                              [NOTICE_ENDED] = "ended" };
        char words[DEVICE_WORDS_TEXT_MAX];
        struct json_object *array;
        int r = 0;

        if (device_words_of(o, words))
                r = json_add_text(o, "words", words);
        if (r >= 0 && chain->n > 0)
                r = json_add_text(o, "certificate", states[notice_of(o, chain)]);
        if (r >= 0 && chain->n > 0)
                r = add_told(o);
        if (r >= 0)
                r = device_chain_to_json(chain, &array);
        return r < 0 ? r : json_add(o, "certificates", array);
}

int verb_status(Cli *c, int argc, char **argv) {
        _cleanup_json_ struct json_object *o = NULL;
        _cleanup_certificate_chain_view_ CertificateChainView chain = {};
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
        r = add_facts(o, &chain);
        return r < 0 ? cli_failed(r, "make JSON") : cli_print_json(o);
}
