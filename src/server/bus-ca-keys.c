/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <sys/mman.h>

#include "server/bus-call.h"
#include "server/bus-descriptor.h"
#include "server/bus-methods.h"
#include "server/bus-options.h"
#include "server/events.h"
#include "server/server-ca.h"
#include "shared/files.h"
#include "shared/log.h"
#include "shared/names.h"
#include "shared/sealed-key.h"

static int refuse(Server *s, int r, sd_bus_error *error) {
        switch (r) {
        case -ENOENT:
                return sd_bus_error_setf(error, ATTEZT_ERROR_NOT_FOUND,
                                         "The root's key is not on this machine; give the file to which it was exported.");
        case -EKEYREJECTED:
                return sd_bus_error_setf(error, ATTEZT_ERROR_INVALID, "This is not the key of the CA's root certificate.");
        case -ESTALE:
                return sd_bus_error_setf(error, ATTEZT_ERROR_INVALID,
                                         "The root certificate has ended: another CA is needed.");
        default:
                log_error_errno(r, "The CA's keys: %m");
                return sd_bus_error_setf(error, ATTEZT_ERROR_FAILED, "The CA's keys: %s.", strerror(-r));
        }
}

static int begin(Server *s, sd_bus_message *m, sd_bus_error *error) {
        BusOptions options;

        int r = bus_read_options(m, 0, &options, error);
        if (r < 0)
                return r;
        return s->ca ? 0 : bus_no_ca(s, error);
}

int bus_export_root_key(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        _cleanup_bytes_erase_ Bytes pem = BYTES_NULL;
        _cleanup_close_ int fd = -EBADF;
        char uid[EVENTS_UID_TEXT_MAX];
        Server *s = userdata;

        int r = begin(s, m, error);
        if (r < 0)
                return r;
        r = server_root_key(s, &pem);
        if (r >= 0)
                r = fd = bus_descriptor_new("attezt-root-key", bytes_view(&pem));
        if (r < 0)
                return refuse(s, r, error);
        const char *fields[] = { "ATTEZT_UID", events_format_uid(access_caller_uid(s->access), uid), NULL };
        log_event(LOG_NOTICE, EVENT_CA_CHANGED, fields, "The root's key was given out for its export.");
        return sd_bus_reply_method_return(m, "h", fd);
}

int bus_remove_root_key(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Server *s = userdata;

        int r = begin(s, m, error);
        if (r < 0)
                return r;
        r = server_remove_root_key(s);
        return r < 0 ? refuse(s, r, error) : sd_bus_reply_method_return(m, "");
}

int bus_rotate(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        _cleanup_bytes_erase_ Bytes key = BYTES_NULL;
        Server *s = userdata;
        BusOptions options;

        int r = bus_read_options(m, BUS_OPTION_ROOT_KEY, &options, error);
        if (r < 0)
                return r;
        if (!s->ca)
                return bus_no_ca(s, error);
        if (options.root_key >= 0) {
                r = bus_descriptor_read(options.root_key, SEALED_KEY_FILE_MAX, &key);
                if (r < 0)
                        return sd_bus_error_setf(error, ATTEZT_ERROR_INVALID, "The root's key cannot be read: %s.",
                                                 strerror(-r));
        }
        r = server_rotate_ca(s, bytes_view(&key));
        if (r < 0)
                return refuse(s, r, error);
        return sd_bus_reply_method_return(m, "t", (uint64_t) certificate_authority_not_after(s->ca));
}
