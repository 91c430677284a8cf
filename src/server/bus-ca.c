/* SPDX-License-Identifier: MIT */
#include "server/bus-call.h"
#include "server/bus-methods.h"
#include "server/bus-options.h"
#include "server/server-ca.h"
#include "shared/log.h"
#include "shared/names.h"

static int refuse_name(sd_bus_error *error) {
        return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS,
                                 "A CA's name has 1 to %u of A-Z a-z 0-9 ' ( ) + , - . / : = ? and space.",
                                 CA_NAME_MAX);
}

static int read_create_ca(sd_bus_message *m, const char **ret_name, sd_bus_error *error) {
        BusOptions options;
        const char *name;

        int r = sd_bus_message_read(m, "s", &name);
        if (r >= 0)
                r = bus_read_options(m, 0, &options, error);
        if (r < 0)
                return r;
        if (!name[0] || strlen(name) > CA_NAME_MAX)
                return refuse_name(error);
        *ret_name = name;
        return 0;
}

int bus_refine_create_ca(sd_bus_message *m, void *userdata, AccessQuestion *q, sd_bus_error *error) {
        const char *name;

        int r = read_create_ca(m, &name, error);
        if (r < 0)
                return r;
        q->details[0] = "name";
        q->details[1] = name;
        return 0;
}

static int reply_root(const Server *s, sd_bus_message *m) {
        return sd_bus_reply_method_return(m, "ss", certificate_authority_fingerprint(s->ca),
                                          certificate_authority_root_pem(s->ca));
}

int bus_create_ca(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Server *s = userdata;
        const char *name;

        int r = read_create_ca(m, &name, error);
        if (r < 0)
                return r;
        r = server_create_ca(s, name);
        if (r == -EEXIST && s->ca_error)
                return bus_no_ca(s, error);
        if (r == -EEXIST)
                return sd_bus_error_setf(error, ATTEZT_ERROR_EXISTS,
                                         "There is a CA already. It is never overwritten: its certificates are in use.");
        if (r == -EINVAL)
                return refuse_name(error);
        if (r < 0) {
                log_error_errno(r, "Could not create the CA: %m");
                return sd_bus_error_setf(error, ATTEZT_ERROR_FAILED, "Could not create the CA: %s.", strerror(-r));
        }
        return reply_root(s, m);
}

int bus_get_root_certificate(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Server *s = userdata;
        BusOptions options;

        int r = bus_read_options(m, 0, &options, error);
        if (r < 0)
                return r;
        if (!s->ca)
                return bus_no_ca(s, error);
        return reply_root(s, m);
}
