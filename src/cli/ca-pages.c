/* SPDX-License-Identifier: MIT */
#include "cli/ca.h"

#define PAGE 256U /* as many as there may be */

/* One page; *cursor becomes the next one, "" at the end. */
static int read_page(sd_bus_message *reply, CaEntry each, void *userdata, char **cursor) {
        const char *next;

        int r = sd_bus_message_enter_container(reply, 'a', "a{sv}");
        if (r < 0)
                return r;
        while ((r = sd_bus_message_at_end(reply, false)) == 0) {
                _cleanup_json_ struct json_object *entry = NULL;
                r = cli_read_dict(reply, &entry);
                if (r >= 0)
                        r = each(entry, userdata);
                if (r < 0)
                        return r;
        }
        if (r > 0)
                r = sd_bus_message_exit_container(reply);
        if (r >= 0)
                r = sd_bus_message_read(reply, "s", &next);
        if (r < 0)
                return r;

        char *copy = strdup(next);
        if (!copy)
                return -ENOMEM;
        free(*cursor);
        *cursor = copy;
        return 0;
}

/* What is asked for: device is NULL where the method takes none. */
typedef struct Pages {
        const char *method, *device;
        CaEntry each;
        void *userdata;
        char *cursor;
} Pages;

static int call_page(Cli *c, Pages *p) {
        _cleanup_message_ sd_bus_message *m = NULL, *reply = NULL;

        int status = cli_new_call(c, ATTEZT_SERVER_INTERFACE, p->method, &m);
        if (status != EXIT_SUCCESS)
                return status;
        int r = p->device ? sd_bus_message_append(m, "s", p->device) : 0;
        if (r >= 0)
                r = sd_bus_message_append(m, "su", p->cursor, PAGE);
        if (r >= 0)
                r = ca_append_no_options(m);
        if (r < 0)
                return cli_failed(r, "make a message");
        status = cli_call(c, m, &reply);
        if (status != EXIT_SUCCESS)
                return status;
        r = read_page(reply, p->each, p->userdata, &p->cursor);
        return r < 0 ? cli_failed(r, "read the answer") : EXIT_SUCCESS;
}

int ca_for_each_of(Cli *c, const char *method, const char *device, CaEntry each, void *userdata) {
        Pages p = { .method = method, .device = device, .each = each, .userdata = userdata, .cursor = strdup("") };
        int status;

        if (!p.cursor)
                return cli_failed(-ENOMEM, "make a list");
        do
                status = call_page(c, &p);
        while (status == EXIT_SUCCESS && p.cursor[0]);
        free(p.cursor);
        return status;
}

int ca_for_each(Cli *c, const char *method, CaEntry each, void *userdata) {
        return ca_for_each_of(c, method, NULL, each, userdata);
}
