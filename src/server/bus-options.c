/* SPDX-License-Identifier: MIT */
#include "server/bus-options.h"

#include <gnutls/crypto.h>

#include "shared/names.h"

static const struct {
        const char *name;
        BusOption option;
        const char *type;
} known_options[] = {
        { "any-name", BUS_OPTION_ANY_NAME, "b" },
        { "pinned", BUS_OPTION_PINNED, "b" },
        { "ak-lifetime", BUS_OPTION_AK_LIFETIME, "t" },
        { "note", BUS_OPTION_NOTE, "s" },
        { "operation", BUS_OPTION_OPERATION, "ay" },
        { "expires", BUS_OPTION_EXPIRES, "t" },
        { "disabled", BUS_OPTION_DISABLED, "b" },
        { "names", BUS_OPTION_NAMES, "as" },
        { "add-names", BUS_OPTION_ADD_NAMES, "as" },
        { "remove-names", BUS_OPTION_REMOVE_NAMES, "as" },
        { "version", BUS_OPTION_VERSION, "t" },
        { "dry-run", BUS_OPTION_DRY_RUN, "b" },
        { "allow-pinned", BUS_OPTION_ALLOW_PINNED, "b" },
        { "allow-any-name", BUS_OPTION_ALLOW_ANY_NAME, "b" },
        { "allow-long-lifetime", BUS_OPTION_ALLOW_LONG_LIFETIME, "b" },
        { "reason", BUS_OPTION_REASON, "s" },
        { "root-key", BUS_OPTION_ROOT_KEY, "h" },
        { "force", BUS_OPTION_FORCE, "b" },
        { "untrusted", BUS_OPTION_UNTRUSTED, "b" },
        { "kept", BUS_OPTION_KEPT, "h" },
        { "vendor", BUS_OPTION_VENDOR, "s" },
        { "anchor", BUS_OPTION_ANCHOR, "b" },
        { "source", BUS_OPTION_SOURCE, "s" },
        { "certificate", BUS_OPTION_CERTIFICATE, "ay" },
};

static int read_operation(sd_bus_message *m, BusOptions *o) {
        const void *bytes;
        size_t size;

        int r = sd_bus_message_read_array(m, 'y', &bytes, &size);
        if (r < 0)
                return r;
        if (size != OPERATION_SIZE)
                return -EINVAL;
        memcpy(o->operation, bytes, OPERATION_SIZE);
        return 0;
}

/* An array of names, each of them valid. */
static int read_names(sd_bus_message *m, DeviceNames *ret, sd_bus_error *error) {
        DeviceNames names = {};
        const char *name;

        int r = sd_bus_message_enter_container(m, 'a', "s");
        if (r < 0)
                return r;
        while ((r = sd_bus_message_read_basic(m, 's', &name)) > 0) {
                if (names.n >= DEVICE_NAMES_MAX)
                        return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS, "A device has at most %u names.",
                                                 DEVICE_NAMES_MAX);
                if (!device_name_valid(name))
                        return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS,
                                                 "A name has 1 to %u of A-Z a-z 0-9 . _ - : @ +, begins with a letter "
                                                 "or a digit, and is no EK hash.", DEVICE_NAME_MAX);
                strcpy(names.list[names.n++], name);
        }
        if (r >= 0)
                r = sd_bus_message_exit_container(m);
        if (r >= 0)
                *ret = names;
        return r;
}

static int read_value(sd_bus_message *m, BusOption option, BusOptions *o, sd_bus_error *error) {
        switch (option) {
        case BUS_OPTION_ANY_NAME:
                return sd_bus_message_read_basic(m, 'b', &o->any_name);
        case BUS_OPTION_PINNED:
                return sd_bus_message_read_basic(m, 'b', &o->pinned);
        case BUS_OPTION_AK_LIFETIME:
                return sd_bus_message_read_basic(m, 't', &o->ak_lifetime);
        case BUS_OPTION_NOTE:
                return sd_bus_message_read_basic(m, 's', &o->note);
        case BUS_OPTION_OPERATION:
                return read_operation(m, o);
        case BUS_OPTION_EXPIRES:
                return sd_bus_message_read_basic(m, 't', &o->expires);
        case BUS_OPTION_DISABLED:
                return sd_bus_message_read_basic(m, 'b', &o->disabled);
        case BUS_OPTION_NAMES:
                return read_names(m, &o->names, error);
        case BUS_OPTION_ADD_NAMES:
                return read_names(m, &o->add_names, error);
        case BUS_OPTION_REMOVE_NAMES:
                return read_names(m, &o->remove_names, error);
        case BUS_OPTION_VERSION:
                return sd_bus_message_read_basic(m, 't', &o->version);
        case BUS_OPTION_DRY_RUN:
                return sd_bus_message_read_basic(m, 'b', &o->dry_run);
        case BUS_OPTION_ALLOW_PINNED:
                return sd_bus_message_read_basic(m, 'b', &o->allow_pinned);
        case BUS_OPTION_ALLOW_ANY_NAME:
                return sd_bus_message_read_basic(m, 'b', &o->allow_any_name);
        case BUS_OPTION_ALLOW_LONG_LIFETIME:
                return sd_bus_message_read_basic(m, 'b', &o->allow_long_lifetime);
        case BUS_OPTION_REASON:
                return sd_bus_message_read_basic(m, 's', &o->reason);
        case BUS_OPTION_ROOT_KEY:
                return sd_bus_message_read_basic(m, 'h', &o->root_key);
        case BUS_OPTION_FORCE:
                return sd_bus_message_read_basic(m, 'b', &o->force);
        case BUS_OPTION_UNTRUSTED:
                return sd_bus_message_read_basic(m, 'b', &o->untrusted);
        case BUS_OPTION_KEPT:
                return sd_bus_message_read_basic(m, 'h', &o->kept);
        case BUS_OPTION_VENDOR:
                return sd_bus_message_read_basic(m, 's', &o->vendor);
        case BUS_OPTION_ANCHOR:
                return sd_bus_message_read_basic(m, 'b', &o->anchor);
        case BUS_OPTION_SOURCE:
                return sd_bus_message_read_basic(m, 's', &o->source);
        case BUS_OPTION_CERTIFICATE:
                return sd_bus_message_read_array(m, 'y', &o->certificate, &o->certificate_size);
        }
        return -EINVAL;
}

static int read_option(sd_bus_message *m, unsigned allowed, BusOptions *o, sd_bus_error *error) {
        const char *name;
        size_t i = 0;

        int r = sd_bus_message_read_basic(m, 's', &name);
        if (r < 0)
                return r;
        while (i < ELEMENTSOF(known_options) &&
               (strcmp(name, known_options[i].name) != 0 || !(allowed & known_options[i].option)))
                i++;
        if (i == ELEMENTSOF(known_options))
                return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS, "This method has no option \"%s\".", name);
        r = sd_bus_message_enter_container(m, 'v', known_options[i].type);
        if (r > 0)
                r = read_value(m, known_options[i].option, o, error);
        if (r < 0 && sd_bus_error_is_set(error))
                return r;
        if (r < 0)
                return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS, "Option \"%s\" is not as it should be.", name);
        o->given |= known_options[i].option;
        return sd_bus_message_exit_container(m);
}

int bus_check_options(const BusOptions *o, sd_bus_error *error) {
        if (o->ak_lifetime > AK_LIFETIME_MAX)
                return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS, "An AK certificate lives for at most %lld s.",
                                         AK_LIFETIME_MAX);
        if (o->expires > DEVICE_END_OF_TIME)
                return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS, "An entry ends before the year 10000.");
        if (o->note && strlen(o->note) > DEVICE_NOTE_MAX)
                return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS, "A note has at most %u bytes.",
                                         DEVICE_NOTE_MAX);
        if (o->any_name && (o->names.n > 0 || o->add_names.n > 0))
                return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS, "Either names or any-name.");
        return 0;
}

int bus_read_options(sd_bus_message *m, unsigned allowed, BusOptions *ret, sd_bus_error *error) {
        BusOptions o = { .root_key = -EBADF, .kept = -EBADF };

        if (gnutls_rnd(GNUTLS_RND_NONCE, o.operation, sizeof(o.operation)) < 0)
                return -EIO;
        int r = sd_bus_message_enter_container(m, 'a', "{sv}");
        if (r < 0)
                return r;
        while ((r = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
                r = read_option(m, allowed, &o, error);
                if (r < 0)
                        return r;
                r = sd_bus_message_exit_container(m);
                if (r < 0)
                        return r;
        }
        if (r >= 0)
                r = sd_bus_message_exit_container(m);
        if (r < 0)
                return r;
        *ret = o;
        return 0;
}

int bus_read_device(sd_bus_message *m, unsigned allowed, const char **ret_device, BusOptions *ret,
                    sd_bus_error *error) {
        int r = sd_bus_message_read(m, "s", ret_device);
        if (r >= 0)
                r = bus_read_options(m, allowed, ret, error);
        if (r < 0)
                return r;
        if (!device_hash_valid(*ret_device) && !device_name_valid(*ret_device))
                return sd_bus_error_setf(error, ATTEZT_ERROR_NOT_FOUND, "This can be neither a hash nor a name.");
        return 0;
}

static void apply_options(const BusOptions *o, Device *d) {
        d->any_name = o->any_name;
        d->pinned = o->pinned;
        d->ak_lifetime = (int64_t) o->ak_lifetime;
        d->expires = (int64_t) o->expires;
        if (o->note)
                strcpy(d->note, o->note);
        memcpy(d->names, o->names.list, sizeof(d->names));
        d->n_names = o->names.n;
        memcpy(d->operation, o->operation, OPERATION_SIZE);
}

int bus_read_new_device(sd_bus_message *m, unsigned allowed, Device *d, sd_bus_error *error) {
        DeviceNames names;
        BusOptions o;

        int r = read_names(m, &names, error);
        if (r >= 0)
                r = bus_read_options(m, allowed, &o, error);
        if (r < 0)
                return r;
        o.names = names;
        r = bus_check_options(&o, error);
        if (r < 0)
                return r;
        apply_options(&o, d);
        if (device_check(d) < 0)
                return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS, "A name is there twice.");
        return 0;
}
