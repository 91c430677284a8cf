/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "server/bus-call.h"
#include "server/bus-methods.h"
#include "server/bus-options.h"
#include "server/events.h"
#include "shared/inventory-import.h"
#include "shared/log.h"
#include "shared/names.h"

#define IMPORT_OPTIONS                                                                                          \
        (BUS_OPTION_DRY_RUN | BUS_OPTION_ALLOW_PINNED | BUS_OPTION_ALLOW_ANY_NAME | BUS_OPTION_ALLOW_LONG_LIFETIME)
/* Nobody can change or shorten what has these; reading it never waits for a disk or a file server. */
#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

struct BusImport {
        Server *server;
        sd_bus_message *message;
        uint32_t uid; /* of the caller */
        void *data;
        size_t size;
        bool dry_run;
};

static BusImport *import_free(BusImport *i) {
        if (!i)
                return NULL;
        if (i->data)
                (void) munmap(i->data, i->size);
        sd_bus_message_unref(i->message);
        free(i);
        return NULL;
}
DEFINE_TRIVIAL_CLEANUP_FUNC(BusImport *, import_free)

void bus_import_forget(Server *s) {
        s->import = import_free(s->import);
}

static int read_import(sd_bus_message *m, int *ret_fd, size_t *ret_size, BusOptions *ret, sd_bus_error *error) {
        struct stat st;
        int fd;

        int r = sd_bus_message_read(m, "h", &fd);
        if (r >= 0)
                r = bus_read_options(m, IMPORT_OPTIONS, ret, error);
        if (r < 0)
                return r;
        int seals = fcntl(fd, F_GET_SEALS);
        if (seals < 0 || (seals & SEALS) != SEALS || fstat(fd, &st) < 0)
                return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS,
                                         "rows has to be a memfd that is sealed against changes.");
        if (st.st_size < (off_t) DEVICE_ROWS_HEAD_SIZE || st.st_size > (off_t) DEVICE_ROWS_BYTES_MAX)
                return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS, "The rows of an import have at most %u bytes.",
                                         DEVICE_ROWS_BYTES_MAX);
        *ret_fd = fd;
        *ret_size = (size_t) st.st_size;
        return 0;
}

static int bad_rows(int r, sd_bus_error *error) {
        if (r == -E2BIG)
                return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS, "An import has at most %u devices.",
                                         DEVICE_ROWS_MAX);
        return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS, "The rows are not as they should be.");
}

/* How many devices there will be, for who is asked. */
int bus_refine_import(sd_bus_message *m, void *userdata, AccessQuestion *q, sd_bus_error *error) {
        uint8_t head[DEVICE_ROWS_HEAD_SIZE];
        Server *s = userdata;
        DeviceRows rows;
        BusOptions o;
        size_t size;
        int fd;

        int r = read_import(m, &fd, &size, &o, error);
        if (r < 0)
                return r;
        if (pread(fd, head, sizeof(head), 0) != sizeof(head))
                return -EIO;
        r = device_rows_open(VIEW_ARRAY(head), &rows);
        if (r < 0)
                return bad_rows(r, error);
        (void) snprintf(s->bus_number, sizeof(s->bus_number), "%" PRIu32, rows.n);
        const char *const details[] = {
                "devices", s->bus_number,
                "pinned", o.allow_pinned ? "true" : "false",
                "any-name", o.allow_any_name ? "true" : "false",
                "long-lifetime", o.allow_long_lifetime ? "true" : "false",
                "dry-run", o.dry_run ? "true" : "false",
                NULL,
        };
        memcpy(q->details, details, sizeof(details));
        return 0;
}

/* To the caller alone. */
static void on_progress(uint32_t row, uint32_t n_rows, void *userdata) {
        BusImport *i = userdata;
        sd_bus_message *m = NULL;

        int r = sd_bus_message_new_signal(sd_bus_message_get_bus(i->message), &m, ATTEZT_SERVER_OBJECT,
                                          ATTEZT_SERVER_INTERFACE, "ImportProgress");
        if (r >= 0)
                r = sd_bus_message_append(m, "uu", row, n_rows);
        if (r >= 0)
                (void) sd_bus_send_to(NULL, m, sd_bus_message_get_sender(i->message), NULL);
        sd_bus_message_unref(m);
}

static int send_result(BusImport *i, const ImportResult *result) {
        sd_bus_message *reply = NULL;

        int r = sd_bus_message_new_method_return(i->message, &reply);
        if (r >= 0)
                r = sd_bus_message_append(reply, "a{st}", 3, "rows", (uint64_t) result->rows, "added",
                                          (uint64_t) result->added, "unchanged", (uint64_t) result->unchanged);
        if (r >= 0)
                r = sd_bus_message_open_container(reply, 'a', "(us)");
        for (uint32_t k = 0; r >= 0 && k < result->n_problems; k++)
                r = sd_bus_message_append(reply, "(us)", result->problems[k].row,
                                          import_problem_to_string(result->problems[k].problem));
        if (r >= 0)
                r = sd_bus_message_close_container(reply);
        if (r >= 0)
                r = sd_bus_send(NULL, reply, NULL);
        sd_bus_message_unref(reply);
        return r;
}

static void on_imported(int error, const ImportResult *result, void *userdata) {
        BusImport *i = userdata;
        Server *s = i->server;
        sd_bus_error e = SD_BUS_ERROR_NULL;

        if (error >= 0 && result->n_problems == 0 && !i->dry_run && result->added > 0) {
                char uid[EVENTS_UID_TEXT_MAX];
                const char *fields[] = { "ATTEZT_UID", events_format_uid(i->uid, uid), NULL };
                log_event(LOG_NOTICE, EVENT_IMPORTED, fields, "Imported: %" PRIu32 " devices added, %" PRIu32
                          " were there already.", result->added, result->unchanged);
                bus_emit(s, "InventoryChanged");
        }
        if (error >= 0)
                error = send_result(i, result);
        if (error < 0) {
                (void) (error == -EBADMSG ? bad_rows(error, &e) : bus_error_set(&e, error, ""));
                (void) sd_bus_reply_method_error(i->message, &e);
        }
        sd_bus_error_free(&e);
        bus_import_forget(s);
}

int bus_import(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        static const ImportCallbacks callbacks = { .progress = on_progress, .done = on_imported };
        _cleanup_(import_freep) BusImport *i = NULL;
        Server *s = userdata;
        BusOptions o;
        size_t size;
        int fd;

        int r = read_import(m, &fd, &size, &o, error);
        if (r < 0)
                return r;
        if (s->import)
                return sd_bus_error_setf(error, ATTEZT_ERROR_BUSY, "Another import is under way.");
        i = calloc(1, sizeof(*i));
        if (!i)
                return -ENOMEM;
        *i = (BusImport) {
                .server = s,
                .message = sd_bus_message_ref(m),
                .uid = access_caller_uid(s->access),
                .size = size,
                .dry_run = o.dry_run,
        };
        i->data = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (i->data == MAP_FAILED) {
                i->data = NULL;
                return -errno;
        }
        const ImportTerms terms = {
                .rows = VIEW(i->data, size),
                .now = server_now(),
                .dry_run = o.dry_run,
                .pinned = o.allow_pinned,
                .any_name = o.allow_any_name,
                .long_lifetime = o.allow_long_lifetime,
        };
        r = inventory_import(s->inventory, &terms, &callbacks, i);
        if (r == -EBADMSG || r == -E2BIG)
                return bad_rows(r, error);
        if (r < 0)
                return bus_error_set(error, r, "");
        s->import = TAKE_PTR(i);
        return 1;
}
