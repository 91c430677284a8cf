/* SPDX-License-Identifier: MIT */
#include "cli/ca.h"

#include <inttypes.h>
#include <stdio.h>
#include <sys/random.h>
#include <time.h>

#include "protocol/device-change.h"
#include "protocol/settings.h"
#include "protocol/utc-time.h"

int ca_append_no_options(sd_bus_message *m) {
        return sd_bus_message_append(m, "a{sv}", 0);
}

int ca_call_plain(Cli *c, const char *method, sd_bus_message **ret) {
        _cleanup_message_ sd_bus_message *m = NULL;

        int status = cli_new_call(c, ATTEZT_SERVER_INTERFACE, method, &m);
        if (status != EXIT_SUCCESS)
                return status;
        int r = ca_append_no_options(m);
        return r < 0 ? cli_failed(r, "make a message") : cli_call(c, m, ret);
}

int ca_append_operation(sd_bus_message *m) {
        uint8_t operation[OPERATION_SIZE];

        if (getrandom(operation, sizeof(operation), 0) != sizeof(operation))
                return -EIO;
        int r = sd_bus_message_open_container(m, 'e', "sv");
        if (r >= 0)
                r = sd_bus_message_append(m, "s", "operation");
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'v', "ay");
        if (r >= 0)
                r = sd_bus_message_append_array(m, 'y', operation, sizeof(operation));
        if (r >= 0)
                r = sd_bus_message_close_container(m);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

int ca_append_texts(sd_bus_message *m, const char *key, const char *const *texts, unsigned n) {
        int r = sd_bus_message_open_container(m, 'e', "sv");
        if (r >= 0)
                r = sd_bus_message_append(m, "s", key);
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'v', "as");
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'a', "s");
        for (unsigned i = 0; r >= 0 && i < n; i++)
                r = sd_bus_message_append(m, "s", texts[i]);
        for (unsigned i = 0; r >= 0 && i < 3; i++)
                r = sd_bus_message_close_container(m);
        return r;
}

void ca_check_name(const Cli *c, const char *name) {
        char escaped[LOG_ESCAPED_MAX];

        if (!device_name_valid(name))
                cli_usage(c, "\"%s\" is no name for a device: 1 to %u of A-Z a-z 0-9 . _ - : @ +, beginning with a letter "
                             "or a digit.", log_escape(name, strlen(name), escaped), DEVICE_NAME_MAX);
}

int64_t ca_parse_expires(const Cli *c, const char *text) {
        int64_t t, now = (int64_t) time(NULL);

        if (strcmp(text, "never") == 0)
                return 0;
        if (rfc3339_parse(text, &t) >= 0) {
                if (t <= now)
                        cli_usage(c, "%s has passed; --disabled ends a device now.", text);
                return t;
        }
        if (settings_parse_duration(text, DEVICE_END_OF_TIME - now, &t) < 0 || t == 0)
                cli_usage(c, "--expires wants a date (2027-01-31 or 2027-01-31T18:00:00Z), a time from now (30d, 1y), "
                             "or never.");
        return now + t;
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

bool ca_device_expired(struct json_object *device) {
        int64_t expires = cli_number(device, "expires");
        return expires > 0 && expires <= (int64_t) time(NULL);
}

static const char *certificate_text(struct json_object *device) {
        return cli_bool(device, "pinned") ? "not needed (pinned)" : "needed, from a trusted issuer";
}

int ca_show_device(struct json_object *device) {
        char lifetime[CLI_DURATION_MAX], created[CLI_TIME_MAX], seen[CLI_TIME_MAX], last[CLI_TIME_MAX];
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
               "          Last seen: %s\n"
               "        Last issued: %s\n"
               "             Issued: %" PRIi64 "\n",
               names, certificate_text(device), seconds > 0 ? cli_format_duration(seconds, lifetime) : "default",
               cli_format_time(cli_number(device, "created"), created),
               cli_format_time(cli_number(device, "last-seen"), seen),
               cli_format_time(cli_number(device, "last-issued"), last), cli_number(device, "issued"));
        if (cli_number(device, "expires") > 0)
                printf("            Expires: %s%s\n", cli_format_time(cli_number(device, "expires"), last),
                       ca_device_expired(device) ? " (it has)" : "");
        if (cli_bool(device, "disabled"))
                printf("           Disabled: yes%s\n", cli_bool(device, "denied") ? " (it was denied)" : "");
        if (cli_text(device, "note")[0]) {
                printf("               Note: ");
                cli_put_text(stdout, cli_text(device, "note"));
                putchar('\n');
        }
        return EXIT_SUCCESS;
}

int ca_ask_device(Cli *c, sd_bus_message *m, const char *talk, struct json_object **ret) {
        _cleanup_message_ sd_bus_message *reply = NULL;
        _cleanup_json_ struct json_object *device = NULL;

        int status = cli_call(c, m, &reply);
        if (status != EXIT_SUCCESS)
                return status;
        int r = cli_read_dict(reply, &device);
        if (r < 0)
                return cli_failed(r, "read the answer");
        if (talk && !c->json)
                fprintf(stderr, "%s\n", talk);
        status = c->json ? cli_print_json(device) : ca_show_device(device);
        if (status == EXIT_SUCCESS)
                *ret = TAKE_PTR(device);
        return status;
}

int ca_call_device(Cli *c, sd_bus_message *m, const char *talk) {
        _cleanup_json_ struct json_object *device = NULL;

        return ca_ask_device(c, m, talk, &device);
}
