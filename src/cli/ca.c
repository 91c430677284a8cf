/* SPDX-License-Identifier: MIT */
#include "cli/ca.h"

#include <inttypes.h>
#include <stdio.h>

int ca_append_no_options(sd_bus_message *m) {
        return sd_bus_message_append(m, "a{sv}", 0);
}

int ca_device_names(struct json_object *device, char **ret) {
        _cleanup_free_ char *line = NULL;
        struct json_object *names;
        size_t size;

        FILE *f = open_memstream(&line, &size);
        if (!f)
                return -ENOMEM;
        size_t n = json_object_object_get_ex(device, "names", &names) ? json_object_array_length(names) : 0;
        for (size_t i = 0; i < n; i++) {
                if (i > 0)
                        fputc(' ', f);
                cli_put_text(f, json_object_get_string(json_object_array_get_idx(names, i)));
        }
        if (n == 0)
                fputs(cli_bool(device, "any-name") ? "(any name)" : "-", f);
        if (fclose(f) != 0)
                return -ENOMEM;
        *ret = TAKE_PTR(line);
        return 0;
}

static const char *certificate_text(struct json_object *device) {
        return cli_bool(device, "pinned") ? "not needed (pinned)" : "needed, from a trusted issuer";
}

static int show_device(struct json_object *device) {
        char lifetime[CLI_DURATION_MAX], created[CLI_TIME_MAX], last[CLI_TIME_MAX];
        _cleanup_free_ char *names = NULL;
        int64_t seconds = cli_number(device, "ak-lifetime");

        int r = ca_device_names(device, &names);
        if (r < 0)
                return cli_failed(r, "show the device");
        printf("    Endorsement Key: ");
        cli_put_text(stdout, cli_text(device, "ek-hash"));
        printf("\n              Names: %s\n"
               "     EK certificate: %s\n"
               "        AK lifetime: %s\n"
               "           Enrolled: %s\n"
               "        Last issued: %s\n"
               "             Issued: %" PRIi64 "\n",
               names, certificate_text(device), seconds > 0 ? cli_format_duration(seconds, lifetime) : "default",
               cli_format_time(cli_number(device, "created"), created),
               cli_format_time(cli_number(device, "last-issued"), last), cli_number(device, "issued"));
        if (cli_bool(device, "disabled"))
                printf("           Disabled: yes\n");
        if (cli_text(device, "note")[0]) {
                printf("               Note: ");
                cli_put_text(stdout, cli_text(device, "note"));
                putchar('\n');
        }
        return EXIT_SUCCESS;
}

int ca_call_device(Cli *c, sd_bus_message *m, const char *talk) {
        _cleanup_message_ sd_bus_message *reply = NULL;
        _cleanup_json_ struct json_object *device = NULL;

        int status = cli_call(c, m, &reply);
        if (status != EXIT_SUCCESS)
                return status;
        int r = cli_read_dict(reply, &device);
        if (r < 0)
                return cli_failed(r, "read the answer");
        if (c->json)
                return cli_print_json(device);
        if (talk)
                fprintf(stderr, "%s\n", talk);
        return show_device(device);
}
