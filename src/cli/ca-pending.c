/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "cli/ca.h"

typedef struct PendingContext {
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

int verb_ca_pending(Cli *c, int argc, char **argv) {
        _cleanup_json_ struct json_object *array = NULL;

        cli_parse(c, argc, argv, NULL, 0, 0);
        if (c->json) {
                array = json_object_new_array();
                if (!array)
                        return cli_failed(-ENOMEM, "make a list");
        }
        PendingContext x = { .array = array };
        int status = ca_for_each(c, "ListPending", list_waiting, &x);
        if (status != EXIT_SUCCESS)
                return status;
        if (c->json)
                return cli_print_json(array);
        fflush(stdout);
        if (x.n == 0)
                fprintf(stderr, "No device waits for approval.\n");
        else
                fprintf(stderr, "\nCompare the words with those that the device shows, then: attezt ca approve WORDS --name NAME\n");
        return EXIT_SUCCESS;
}
