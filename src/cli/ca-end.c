/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdio.h>

#include "cli/ca.h"

static void print_device_certificate(int64_t until) {
        char text[CLI_TIME_MAX];

        if (until > 0)
                printf("A device certificate that it got last ends at %s at the latest\n"
                       "(DeviceCertificateLifetime= in atteztd.conf), unless the ACME server revokes it.\n",
                       cli_format_time(until, text));
        else
                printf("Nothing that it holds is valid any more.\n");
}

void ca_print_end(struct json_object *end) {
        int64_t revoked = cli_number(end, "revoked"), ak = cli_number(end, "ak-until"), held = cli_number(end, "held-until");
        char text[CLI_TIME_MAX];

        printf("\n%" PRIi64 " AK certificate%s revoked. New ones are not made any more.\n", revoked,
               revoked == 1 ? " was" : "s were");
        if (ak > 0)
                printf("The ones that it holds end at %s: until then an ACME server\n"
                       "that neither asks the webhook nor reads the revocation list still takes them.\n",
                       cli_format_time(ak, text));
        print_device_certificate(held);
}

void ca_print_held(struct json_object *held, const char *revoke, bool name_lives) {
        int64_t ak = cli_number(held, "ak-until");
        char text[CLI_TIME_MAX];

        putchar('\n');
        if (ak > 0 && name_lives)
                printf("The AK certificates that it holds end at %s: until then every ACME server\n"
                       "still takes them, for the name that now is the new one's: the webhook knows names only.\n"
                       "If somebody may use the old one, disable the new entry until then: attezt ca set NAME --disabled\n"
                       "To revoke them: attezt ca revoke %s\n",
                       cli_format_time(ak, text), revoke);
        else if (ak > 0)
                printf("The AK certificates that it holds end at %s: until then an ACME server\n"
                       "that does not ask the webhook still takes them. To revoke them: attezt ca revoke %s\n",
                       cli_format_time(ak, text), revoke);
        print_device_certificate(cli_number(held, "held-until"));
}
