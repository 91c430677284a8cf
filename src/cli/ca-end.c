/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdio.h>

#include "cli/ca.h"

void ca_print_end(struct json_object *end) {
        int64_t revoked = cli_number(end, "revoked"), ak = cli_number(end, "ak-until"), held = cli_number(end, "held-until");
        char text[CLI_TIME_MAX];

        printf("\n%" PRIi64 " AK certificate%s revoked. New ones are not made any more.\n", revoked,
               revoked == 1 ? " was" : "s were");
        if (ak > 0)
                printf("The ones that it holds end at %s: until then an ACME server\n"
                       "that neither asks the webhook nor reads the revocation list still takes them.\n",
                       cli_format_time(ak, text));
        if (held > 0)
                printf("A device certificate that it got last ends at %s at the latest\n"
                       "(DeviceCertificateLifetime= in atteztd.conf), unless the ACME server revokes it.\n",
                       cli_format_time(held, text));
        else
                printf("Nothing that it holds is valid any more.\n");
}
