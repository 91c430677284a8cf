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

static int call_page(Cli *c, const char *method, CaEntry each, void *userdata, char **cursor) {
        _cleanup_message_ sd_bus_message *m = NULL, *reply = NULL;

        int status = cli_new_call(c, ATTEZT_SERVER_INTERFACE, method, &m);
        if (status != EXIT_SUCCESS)
                return status;
        int r = sd_bus_message_append(m, "su", *cursor, PAGE);
        if (r >= 0)
                r = ca_append_no_options(m);
        if (r < 0)
                return cli_failed(r, "make a message");
        status = cli_call(c, m, &reply);
        if (status != EXIT_SUCCESS)
                return status;
        r = read_page(reply, each, userdata, cursor);
        return r < 0 ? cli_failed(r, "read the answer") : EXIT_SUCCESS;
}

int ca_for_each(Cli *c, const char *method, CaEntry each, void *userdata) {
        _cleanup_free_ char *cursor = strdup("");

        if (!cursor)
                return cli_failed(-ENOMEM, "make a list");
        do {
                int status = call_page(c, method, each, userdata, &cursor);
                if (status != EXIT_SUCCESS)
                        return status;
        } while (cursor[0]);
        return EXIT_SUCCESS;
}
