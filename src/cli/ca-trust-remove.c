/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "cli/ca-trust.h"

#define PREFIX_MIN 8U /* digits that name a certificate, if only one begins so */

/* What people type: all of it, or the beginning, with or without colons. */
static int find(const Cli *c, const TrustView *v, const char *text, const TrustItem **ret) {
        char digits[TRUST_FINGERPRINT_TEXT + 1] = "";
        const TrustItem *found = NULL;
        size_t n = 0;

        for (; *text && n < TRUST_FINGERPRINT_TEXT; text++)
                if (*text != ':')
                        digits[n++] = *text >= 'A' && *text <= 'F' ? (char) (*text - 'A' + 'a') : *text;
        if (*text || n < PREFIX_MIN || strspn(digits, "0123456789abcdef") != n)
                cli_usage(c, "A fingerprint has 64 hexadecimal digits; the first %u or more will do.", PREFIX_MIN);
        for (size_t i = 0; i < v->n; i++) {
                if (strncmp(v->items[i].fingerprint, digits, n) != 0)
                        continue;
                if (found) {
                        log_error("Several certificates begin with %s: give more of it.", digits);
                        return EXIT_USAGE;
                }
                found = &v->items[i];
        }
        if (!found) {
                log_error("No certificate of the trust store has the fingerprint %s; see \"attezt ca trust list\".",
                          digits);
                return EXIT_NOT_FOUND;
        }
        *ret = found;
        return EXIT_SUCCESS;
}

static int append_arguments(sd_bus_message *m, const TrustItem *i, bool distrust) {
        int r = sd_bus_message_append(m, "s", i->fingerprint);
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'a', "{sv}");
        if (r >= 0 && distrust)
                r = sd_bus_message_append(m, "{sv}", "source", "s", i->path);
        if (r >= 0 && distrust)
                r = sd_bus_message_open_container(m, 'e', "sv");
        if (r >= 0 && distrust)
                r = sd_bus_message_append(m, "s", "certificate");
        if (r >= 0 && distrust)
                r = sd_bus_message_open_container(m, 'v', "ay");
        if (r >= 0 && distrust)
                r = sd_bus_message_append_array(m, 'y', i->der.data, i->der.size);
        if (r >= 0 && distrust)
                r = sd_bus_message_close_container(m);
        if (r >= 0 && distrust)
                r = sd_bus_message_close_container(m);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

int verb_ca_trust_remove(Cli *c, int argc, char **argv) {
        _cleanup_message_ sd_bus_message *m = NULL, *reply = NULL;
        _cleanup_trust_view_ TrustView v = {};
        const TrustItem *item = NULL;

        cli_parse(c, argc, argv, NULL, 1, 1);
        int status = trust_view_load(c, NULL, &v);
        if (status == EXIT_SUCCESS)
                status = find(c, &v, c->operands[0], &item);
        if (status == EXIT_SUCCESS)
                status = cli_new_call(c, ATTEZT_SERVER_INTERFACE, "RemoveTrust", &m);
        if (status != EXIT_SUCCESS)
                return status;
        bool distrust = item->path && item->issuer; /* it would come back from there */
        int r = append_arguments(m, item, distrust);
        if (r < 0)
                return cli_failed(r, "make a message");
        status = cli_call(c, m, &reply);
        if (status != EXIT_SUCCESS)
                return status;
        if (!item->issuer)
                fprintf(stderr, "%s is distrusted no more.\n", item->fingerprint);
        else
                fprintf(stderr, "%s is trusted no more%s.\n", item->fingerprint,
                        distrust ? ", though a file still has it; adding it undoes that" : "");
        return EXIT_SUCCESS;
}
