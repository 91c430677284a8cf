/* SPDX-License-Identifier: MIT */
#include "cli/ca-log.h"

#include <inttypes.h>
#include <stdio.h>

#define PAGE 256U

void signing_log_done(SigningLog *l) {
        free(l->entries);
        *l = (SigningLog) {};
}

static int add(SigningLog *l, ByteView bytes) {
        if ((l->n & (l->n + 1)) == 0) { /* 0, 1, 3, 7, …: full */
                LogEntry *p = reallocarray(l->entries, 2 * l->n + 1, sizeof(*p));
                if (!p)
                        return -ENOMEM;
                l->entries = p;
        }
        int r = log_head_advance(&l->head, bytes, l->entries + l->n);
        if (r == -EBADMSG || r == -EUCLEAN) {
                l->broken = l->head.count + 1;
                return 0;
        }
        if (r < 0)
                return r;
        l->n++;
        if (l->head.count == l->wanted.count)
                l->found = memcmp(l->head.hash, l->wanted.hash, sizeof(l->head.hash)) == 0;
        return 0;
}

/* Returns how many entries there were. */
static int read_page(sd_bus_message *reply, SigningLog *l) {
        const void *bytes;
        size_t size;
        int n = 0;

        int r = sd_bus_message_enter_container(reply, 'a', "ay");
        while (r >= 0 && (r = sd_bus_message_at_end(reply, false)) == 0) {
                r = sd_bus_message_read_array(reply, 'y', &bytes, &size);
                if (r >= 0 && l->broken == 0)
                        r = add(l, VIEW(bytes, size));
                n++;
        }
        if (r >= 0)
                r = sd_bus_message_exit_container(reply);
        if (r >= 0)
                r = sd_bus_message_read(reply, "t", &l->served.count);
        if (r >= 0)
                r = sd_bus_message_read_array(reply, 'y', &bytes, &size);
        if (r < 0)
                return r;
        if (size != sizeof(l->served.hash))
                return -EBADMSG;
        memcpy(l->served.hash, bytes, size);
        return n;
}

static int call_page(Cli *c, SigningLog *l, int *ret_n) {
        _cleanup_message_ sd_bus_message *m = NULL, *reply = NULL;

        int status = cli_new_call(c, ATTEZT_SERVER_INTERFACE, "ListLog", &m);
        if (status != EXIT_SUCCESS)
                return status;
        int r = sd_bus_message_append(m, "tu", l->head.count + 1, PAGE);
        if (r >= 0)
                r = ca_append_no_options(m);
        if (r < 0)
                return cli_failed(r, "make a message");
        status = cli_call(c, m, &reply);
        if (status != EXIT_SUCCESS)
                return status;
        r = read_page(reply, l);
        if (r < 0)
                return cli_failed(r, "read the answer");
        *ret_n = r;
        return EXIT_SUCCESS;
}

int signing_log_read(Cli *c, SigningLog *l) {
        int n = 0;

        do {
                int status = call_page(c, l, &n);
                if (status != EXIT_SUCCESS)
                        return status;
        } while (n > 0 && l->broken == 0);
        return EXIT_SUCCESS;
}

/* --- attezt ca log list --- */

static void format_entry(const LogEntry *e, char serial[static 2 * AK_SERIAL_SIZE + 1],
                         char hash[static 2 * 32 + 1]) {
        hex_encode(VIEW_ARRAY(e->serial), serial);
        hex_encode(VIEW_ARRAY(e->signed_hash), hash);
}

static int print_json(const SigningLog *l) {
        _cleanup_json_ struct json_object *list = json_object_new_array();
        char serial[2 * AK_SERIAL_SIZE + 1], hash[2 * 32 + 1], ek[DEVICE_HASH_TEXT + 1];

        for (size_t i = 0; i < l->n && list; i++) {
                const LogEntry *e = l->entries + i;
                _cleanup_json_ struct json_object *o = NULL;

                format_entry(e, serial, hash);
                device_hash_format(e->ek_hash, ek);
                if (json_new_object(&o) < 0 || json_add(o, "number", json_object_new_uint64(e->number)) < 0 ||
                    json_add_text(o, "kind", log_kind_to_string(e->kind)) < 0 ||
                    json_add(o, "time", json_object_new_int64(e->time)) < 0 ||
                    json_add(o, "not-after", json_object_new_int64(e->not_after)) < 0 || json_add_text(o, "serial", serial) < 0 ||
                    json_add_text(o, "sha256", hash) < 0 ||
                    json_add_text(o, "ek-hash", e->kind == LOG_AK_CERTIFICATE ? ek : "") < 0 ||
                    json_append(list, TAKE_PTR(o)) < 0)
                        return cli_failed(-ENOMEM, "make JSON");
        }
        return list ? cli_print_json(list) : cli_failed(-ENOMEM, "make JSON");
}

static void print_table(const SigningLog *l) {
        char serial[2 * AK_SERIAL_SIZE + 1], hash[2 * 32 + 1], when[CLI_TIME_MAX];

        printf("%8s  %-20s  %-14s  %-32s  %s\n", "NUMBER", "TIME", "WHAT", "SERIAL NUMBER", "SHA-256");
        for (size_t i = 0; i < l->n; i++) {
                const LogEntry *e = l->entries + i;

                format_entry(e, serial, hash);
                printf("%8" PRIu64 "  %-20s  %-14s  %-32s  %s\n", e->number, cli_format_time(e->time, when),
                       log_kind_to_string(e->kind), serial, hash);
        }
}

int verb_ca_log_list(Cli *c, int argc, char **argv) {
        _cleanup_(signing_log_done) SigningLog l = {};

        cli_parse(c, argc, argv, NULL, 0, 0);
        int status = signing_log_read(c, &l);
        if (status != EXIT_SUCCESS)
                return status;
        if (c->json)
                status = print_json(&l);
        else
                print_table(&l);
        if (l.broken > 0)
                log_warning("The record does not go on at entry %" PRIu64 ": see \"attezt ca log verify\".", l.broken);
        return status;
}
