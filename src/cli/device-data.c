/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "cli/device.h"
#include "protocol/device-names.h"
#include "protocol/helper-wire.h"

static int append(sd_bus_message *m, const char *key, char type, const void *value) {
        const char contents[] = { type, 0 };
        int r;

        r = sd_bus_message_open_container(m, 'e', "sv");
        if (r >= 0)
                r = sd_bus_message_append_basic(m, 's', key);
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'v', contents);
        if (r >= 0)
                r = sd_bus_message_append_basic(m, type, value);
        if (r >= 0)
                r = sd_bus_message_close_container(m);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

int device_append_text(sd_bus_message *m, const char *key, const char *value) {
        return append(m, key, 's', value);
}

int device_append_flag(sd_bus_message *m, const char *key, bool value) {
        const int flag = value;
        return append(m, key, 'b', &flag);
}

int device_append_number(sd_bus_message *m, const char *key, uint64_t value) {
        return append(m, key, 't', &value);
}

/* --- Certificates --- */

static void print_line(const char *label, const char *text) {
        char escaped[LOG_ESCAPED_MAX];
        printf("  %-13s%s\n", label, log_escape(text, strlen(text), escaped));
}

static void print_certificate(const CertificateView *v, bool leaf) {
        char serial[CERTIFICATE_VIEW_SERIAL_SHORT], time[CLI_TIME_MAX];

        certificate_serial_short(v->serial, serial);
        printf("X.509v3 %s Certificate (%s) [Serial: %s]\n", leaf ? "TLS" : "Intermediate CA", v->key, serial);
        print_line("Subject:", v->subject);
        print_line("Issuer:", v->issuer);
        if (v->provisioner)
                print_line("Provisioner:", v->provisioner);
        printf("  Valid from:  %s\n", cli_format_time(v->not_before, time));
        printf("          to:  %s\n", cli_format_time(v->not_after, time));
}

void device_print_chain(const CertificateChainView *chain) {
        for (size_t i = 0; i < chain->n; i++) {
                if (i > 0)
                        putchar('\n');
                print_certificate(&chain->certificates[i], i == 0);
        }
}

static int add_text(struct json_object *o, const char *member, const char *text) {
        char escaped[LOG_ESCAPED_MAX];
        return json_object_object_add(o, member, json_object_new_string(log_escape(text, strlen(text), escaped)));
}

static int certificate_to_json(const CertificateView *v, struct json_object **ret) {
        _cleanup_json_ struct json_object *o = json_object_new_object();
        char time[CLI_TIME_MAX];

        if (!o || add_text(o, "subject", v->subject) < 0 || add_text(o, "issuer", v->issuer) < 0 ||
            (v->provisioner && add_text(o, "provisioner", v->provisioner) < 0) ||
            add_text(o, "serial", v->serial) < 0 || add_text(o, "key", v->key) < 0 ||
            add_text(o, "not-before", cli_format_time(v->not_before, time)) < 0 ||
            add_text(o, "not-after", cli_format_time(v->not_after, time)) < 0)
                return -ENOMEM;
        *ret = TAKE_PTR(o);
        return 0;
}

int device_chain_to_json(const CertificateChainView *chain, struct json_object **ret) {
        _cleanup_json_ struct json_object *array = json_object_new_array();

        if (!array)
                return -ENOMEM;
        for (size_t i = 0; i < chain->n; i++) {
                struct json_object *o;
                int r = certificate_to_json(&chain->certificates[i], &o);
                if (r < 0)
                        return r;
                if (json_object_array_add(array, o) < 0)
                        return -ENOMEM;
        }
        *ret = TAKE_PTR(array);
        return 0;
}

bool device_fails_to_renew(int64_t failures, const char *outcome) {
        return failures > 0 || strcmp(outcome, "no-network") == 0 ||
               strcmp(outcome, job_outcome_to_string(OUTCOME_WAITING)) == 0;
}

bool device_words_of(struct json_object *o, char ret[static DEVICE_WORDS_TEXT_MAX]) {
        bool renewal_waits = strcmp(cli_text(o, "last-outcome"), job_outcome_to_string(OUTCOME_WAITING)) == 0;
        uint8_t hash[32];

        if (!(renewal_waits || cli_bool(o, "waits-for-approval")) || device_hash_parse(cli_text(o, "ek-hash"), hash) < 0)
                return false;
        device_words_format(hash, ret);
        return true;
}
