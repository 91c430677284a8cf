/* SPDX-License-Identifier: MIT */
#include <sys/stat.h>

#include "cli/ca.h"

static int add_fingerprint(Cli *c, struct json_object *o) {
        _cleanup_message_ sd_bus_message *reply = NULL;
        const char *fingerprint;

        int status = ca_call_plain(c, "GetRootCertificate", &reply);
        if (status != EXIT_SUCCESS)
                return status;
        int r = sd_bus_message_read(reply, "ss", &fingerprint, NULL);
        if (r >= 0)
                r = json_add_text(o, "fingerprint", fingerprint);
        return r < 0 ? cli_failed(r, "read the answer") : EXIT_SUCCESS;
}

int ca_print_file(Cli *c, const char *path, bool fingerprint) {
        _cleanup_json_ struct json_object *o = NULL;
        struct stat st;

        if (stat(path, &st) < 0)
                return cli_failed(-errno, "look at the file");
        if (json_new_object(&o) < 0 || json_add_text(o, "path", path) < 0 ||
            json_add(o, "bytes", json_object_new_int64(st.st_size)) < 0)
                return cli_failed(-ENOMEM, "make JSON");
        int status = fingerprint ? add_fingerprint(c, o) : EXIT_SUCCESS;
        return status == EXIT_SUCCESS ? cli_print_json(o) : status;
}

int ca_print_not_after(int64_t not_after) {
        _cleanup_json_ struct json_object *o = NULL;

        if (json_new_object(&o) < 0 || json_add(o, "not-after", json_object_new_int64(not_after)) < 0)
                return cli_failed(-ENOMEM, "make JSON");
        return cli_print_json(o);
}
