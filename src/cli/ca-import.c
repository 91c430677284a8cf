/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>

#include "cli/ca.h"
#include "protocol/device-change.h"
#include "protocol/device-rows.h"
#include "protocol/device-table.h"
#include "shared/files.h"

#define BAD_ROWS_SHOWN 20U

/* Parsed here, as the user who types: the server gets rows of a fixed layout in a sealed memfd. */
typedef struct Rows {
        int fd;
        FILE *file;
        unsigned *lines; /* of each row */
        uint32_t n, capacity;
        unsigned bad;
} Rows;

typedef struct ImportArguments {
        const char *format;
        bool dry_run, pinned, any_name, long_lifetime;
} ImportArguments;

static void rows_done(Rows *r) {
        if (r->file)
                (void) fclose(r->file);
        closep(&r->fd);
        free(r->lines);
}
#define _cleanup_rows_ _cleanup_(rows_done)

static void tell_bad(const char *path, unsigned line, const char *why) {
        fprintf(stderr, "%s:%u: ", path, line);
        cli_put_text(stderr, why);
        fputc('\n', stderr);
}

static void bad_row(Rows *r, const char *path, unsigned line, const char *why) {
        if (r->bad++ < BAD_ROWS_SHOWN)
                tell_bad(path, line, why);
}

static const char *not_allowed(const ImportArguments *a, const Device *d) {
        if (d->pinned && !a->pinned)
                return "it is pinned: its EK needs no certificate. If that is meant: --allow-pinned";
        if (d->any_name && !a->any_name)
                return "it may order any name. If that is meant: --allow-any-name";
        if (d->ak_lifetime > DEVICE_LIFETIME_LONG && !a->long_lifetime)
                return "its AK certificates last longer than 30 days. If that is meant: --allow-long-lifetime";
        return NULL;
}

static int add_row(Rows *r, const Device *d, unsigned line) {
        uint8_t row[DEVICE_ROW_SIZE_MAX];

        if (r->n >= DEVICE_ROWS_MAX)
                return -E2BIG;
        if (r->n == r->capacity) {
                uint32_t capacity = MAX_OF(2 * r->capacity, 1024U);
                unsigned *lines = reallocarray(r->lines, capacity, sizeof(*lines));
                if (!lines)
                        return -ENOMEM;
                r->lines = lines;
                r->capacity = capacity;
        }
        int size = device_row_encode(d, row);
        if (size < 0)
                return size;
        if (fwrite(row, (size_t) size, 1, r->file) != 1)
                return -EIO;
        r->lines[r->n++] = line;
        return 0;
}

static int read_rows(DeviceTable *t, const char *path, const ImportArguments *a, Rows *r) {
        char why[DEVICE_TABLE_WHY_MAX];
        unsigned line = 0;
        Device d;
        int k;

        while ((k = device_table_next(t, &d, &line, why)) != 0) {
                const char *refused = k < 0 ? why : not_allowed(a, &d);
                if (refused) {
                        bad_row(r, path, line, refused);
                        continue;
                }
                k = add_row(r, &d, line);
                if (k < 0)
                        return k;
        }
        return 0;
}

static int seal(Rows *r) {
        uint8_t head[DEVICE_ROWS_HEAD_SIZE];

        device_rows_head(r->n, head);
        if (fflush(r->file) != 0)
                return -errno;
        if (pwrite(r->fd, head, sizeof(head), 0) != sizeof(head))
                return -EIO;
        return fcntl(r->fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) < 0 ? -errno : 0;
}

static int open_rows(Rows *r) {
        const uint8_t head[DEVICE_ROWS_HEAD_SIZE] = {};

        r->fd = memfd_create("attezt-import", MFD_CLOEXEC | MFD_ALLOW_SEALING);
        if (r->fd < 0)
                return -errno;
        int copy = fcntl(r->fd, F_DUPFD_CLOEXEC, 3);
        if (copy < 0)
                return -errno;
        r->file = fdopen(copy, "w");
        if (!r->file) {
                (void) close(copy);
                return -errno;
        }
        return fwrite(head, sizeof(head), 1, r->file) == 1 ? 0 : -EIO;
}

static int parse_file(const char *path, const ImportArguments *a, Rows *r) {
        _cleanup_bytes_ Bytes text = BYTES_NULL;
        char why[DEVICE_TABLE_WHY_MAX];
        DeviceTable table;

        int k = file_read(strcmp(path, "-") == 0 ? "/dev/stdin" : path, DEVICE_TABLE_FILE_MAX, &text);
        if (k < 0) {
                log_error_errno(k, "Could not read \"%s\": %m", path);
                return EXIT_FAILURE;
        }
        DeviceTableFormat format = a->format ? (strcmp(a->format, "csv") == 0 ? DEVICE_TABLE_CSV : DEVICE_TABLE_JSON_LINES)
                                             : device_table_guess(bytes_view(&text));
        if (device_table_open(bytes_view(&text), format, &table, why) < 0) {
                tell_bad(path, 1, why);
                return EXIT_FAILURE;
        }
        k = open_rows(r);
        if (k >= 0)
                k = read_rows(&table, path, a, r);
        if (k == -E2BIG)
                return log_error("There are more than %u devices in \"%s\": make it several files.", DEVICE_ROWS_MAX, path),
                       EXIT_FAILURE;
        if (k >= 0)
                k = seal(r);
        return k < 0 ? cli_failed(k, "put the devices together") : EXIT_SUCCESS;
}

/* --- The call --- */

static int on_progress(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        uint32_t row, rows;

        if (isatty(STDERR_FILENO) && sd_bus_message_read(m, "uu", &row, &rows) >= 0)
                fprintf(stderr, "\r%u of %u devices%s", row, rows, row == rows ? "\n" : "");
        return 0;
}

static int append_arguments(sd_bus_message *m, const ImportArguments *a, int fd) {
        const struct {
                const char *name;
                bool value;
        } flags[] = { { "dry-run", a->dry_run }, { "allow-pinned", a->pinned }, { "allow-any-name", a->any_name },
                      { "allow-long-lifetime", a->long_lifetime } };

        int r = sd_bus_message_append(m, "h", fd);
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'a', "{sv}");
        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(flags); i++)
                if (flags[i].value)
                        r = sd_bus_message_append(m, "{sv}", flags[i].name, "b", true);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

static int add_problem(struct json_object *problems, unsigned line, const char *text) {
        struct json_object *o;

        int r = json_new_object(&o);
        if (r < 0)
                return r;
        r = json_add(o, "line", json_object_new_int64(line));
        if (r >= 0)
                r = json_add_text(o, "text", text);
        if (r < 0) {
                (void) json_object_put(o);
                return r;
        }
        return json_append(problems, o);
}

/* Rows become lines again. */
static int read_problems(sd_bus_message *reply, const char *path, const Rows *rows, struct json_object *problems) {
        const char *text;
        uint32_t row;

        int r = sd_bus_message_enter_container(reply, 'a', "(us)");
        if (r < 0)
                return r;
        while ((r = sd_bus_message_read(reply, "(us)", &row, &text)) > 0) {
                unsigned line = row >= 1 && row <= rows->n ? rows->lines[row - 1] : 0;
                tell_bad(path, line, text);
                r = add_problem(problems, line, text);
                if (r < 0)
                        return r;
        }
        return r < 0 ? r : sd_bus_message_exit_container(reply);
}

static int read_counts(sd_bus_message *reply, struct json_object *o) {
        const char *name;
        uint64_t n;

        int r = sd_bus_message_enter_container(reply, 'a', "{st}");
        if (r < 0)
                return r;
        while ((r = sd_bus_message_read(reply, "{st}", &name, &n)) > 0) {
                r = json_add(o, name, json_object_new_int64((int64_t) n));
                if (r < 0)
                        return r;
        }
        return r < 0 ? r : sd_bus_message_exit_container(reply);
}

static void tell_counts(const ImportArguments *a, struct json_object *o, size_t n_problems) {
        if (n_problems > 0)
                fprintf(stderr, "Nothing was added. Mend these lines, then try again.\n");
        else
                fprintf(stderr, "%s %lld devices%s; %lld were there already, the same.\n",
                        a->dry_run ? "This would add" : "Added", (long long) cli_number(o, "added"),
                        a->dry_run ? ", and nothing stands in the way" : "", (long long) cli_number(o, "unchanged"));
}

static int show_result(Cli *c, sd_bus_message *reply, const char *path, const ImportArguments *a, const Rows *rows) {
        _cleanup_json_ struct json_object *o = json_object_new_object();
        struct json_object *problems = json_object_new_array();

        if (!o || json_add(o, "problems", problems) < 0)
                return cli_failed(-ENOMEM, "read the answer");
        int r = read_counts(reply, o);
        if (r >= 0)
                r = read_problems(reply, path, rows, problems);
        if (r < 0)
                return cli_failed(r, "read the answer");
        size_t n = json_object_array_length(problems);
        tell_counts(a, o, n);
        int status = c->json ? cli_print_json(o) : EXIT_SUCCESS;
        return n > 0 ? EXIT_FAILURE : status;
}

static int call_import(Cli *c, const char *path, const ImportArguments *a, const Rows *rows) {
        _cleanup_message_ sd_bus_message *m = NULL, *reply = NULL;

        int status = cli_new_call(c, ATTEZT_SERVER_INTERFACE, "Import", &m);
        if (status != EXIT_SUCCESS)
                return status;
        int r = append_arguments(m, a, rows->fd);
        if (r < 0)
                return cli_failed(r, "make a message");
        status = cli_call_watching(c, m, "ImportProgress", on_progress, &reply);
        return status != EXIT_SUCCESS ? status : show_result(c, reply, path, a, rows);
}

int verb_ca_import(Cli *c, int argc, char **argv) {
        _cleanup_rows_ Rows rows = { .fd = -EBADF };
        ImportArguments a = {};
        const CliOption options[] = {
                { "format", CLI_TEXT, &a.format, "FORMAT", "csv or jsonl (default: what it looks like)" },
                { "dry-run", CLI_FLAG, &a.dry_run, NULL, "Only look what would come of it" },
                { "allow-pinned", CLI_FLAG, &a.pinned, NULL, "Devices may be pinned" },
                { "allow-any-name", CLI_FLAG, &a.any_name, NULL, "Devices may order any name" },
                { "allow-long-lifetime", CLI_FLAG, &a.long_lifetime, NULL, "AK certificates may last beyond 30 days" },
                {},
        };

        cli_parse(c, argc, argv, options, 1, 1);
        if (a.format && strcmp(a.format, "csv") != 0 && strcmp(a.format, "jsonl") != 0)
                cli_usage(c, "--format is csv or jsonl.");
        int status = parse_file(c->operands[0], &a, &rows);
        if (status != EXIT_SUCCESS)
                return status;
        if (rows.bad > BAD_ROWS_SHOWN)
                fprintf(stderr, "… and %u more.\n", rows.bad - BAD_ROWS_SHOWN);
        if (rows.bad > 0)
                return log_error("%u of %u rows are bad; nothing was added.", rows.bad, rows.n + rows.bad), EXIT_FAILURE;
        return call_import(c, c->operands[0], &a, &rows);
}
