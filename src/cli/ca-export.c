/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "cli/ca.h"
#include "protocol/device-table.h"

typedef struct ExportContext {
        DeviceTableFormat format;
} ExportContext;

static int to_device(struct json_object *o, Device *ret) {
        struct json_object *names;
        Device d = {
                .any_name = cli_bool(o, "any-name"),
                .pinned = cli_bool(o, "pinned"),
                .disabled = cli_bool(o, "disabled"),
                .ak_lifetime = cli_number(o, "ak-lifetime"),
                .created = cli_number(o, "created"),
                .last_seen = cli_number(o, "last-seen"),
                .last_issued = cli_number(o, "last-issued"),
                .expires = cli_number(o, "expires"),
                .issued = (uint64_t) cli_number(o, "issued"),
        };

        if (device_hash_parse(cli_text(o, "ek-hash"), d.ek_hash) < 0 || strlen(cli_text(o, "note")) > DEVICE_NOTE_MAX)
                return -EBADMSG;
        strcpy(d.note, cli_text(o, "note"));
        if (json_object_object_get_ex(o, "names", &names))
                for (size_t i = 0; i < json_object_array_length(names); i++) {
                        const char *name = json_object_get_string(json_object_array_get_idx(names, i));
                        if (d.n_names >= DEVICE_NAMES_MAX || !device_name_valid(name))
                                return -EBADMSG;
                        strcpy(d.names[d.n_names++], name);
                }
        *ret = d;
        return 0;
}

static int print_device(struct json_object *o, void *userdata) {
        const ExportContext *x = userdata;
        char line[DEVICE_TABLE_LINE_SIZE];
        Device d;

        int r = to_device(o, &d);
        if (r >= 0)
                r = device_table_format(&d, x->format, line);
        return r < 0 ? r : fputs(line, stdout) < 0 ? -EIO : 0;
}

int verb_ca_export(Cli *c, int argc, char **argv) {
        const char *format = "jsonl";
        const CliOption options[] = {
                { "format", CLI_TEXT, &format, "FORMAT", "jsonl (default) or csv" },
                {},
        };

        cli_parse(c, argc, argv, options, 0, 0);
        if (strcmp(format, "csv") != 0 && strcmp(format, "jsonl") != 0)
                cli_usage(c, "--format is csv or jsonl.");
        ExportContext x = { .format = strcmp(format, "csv") == 0 ? DEVICE_TABLE_CSV : DEVICE_TABLE_JSON_LINES };
        fputs(device_table_head(x.format), stdout);
        return ca_for_each(c, "List", print_device, &x);
}
