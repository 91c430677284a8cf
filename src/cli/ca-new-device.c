/* SPDX-License-Identifier: MIT */
#include "cli/ca-new-device.h"

#include "protocol/device-record.h"

void ca_check_new_device(const Cli *c, CaNewDevice *d) {
        if (d->any_name && d->n_names > 0)
                cli_usage(c, "Either names or --any-name.");
        if (d->n_names > DEVICE_NAMES_MAX)
                cli_usage(c, "A device has at most %u names.", DEVICE_NAMES_MAX);
        if (d->ak_lifetime > AK_LIFETIME_MAX)
                cli_usage(c, "An AK certificate lives for at most %lld days.", AK_LIFETIME_MAX / 86400);
        for (unsigned i = 0; i < d->n_names; i++)
                ca_check_name(c, d->names[i]);
        d->expires = d->expires_text ? ca_parse_expires(c, d->expires_text) : 0;
}

int ca_append_new_device(sd_bus_message *m, const CaNewDevice *d) {
        int r = sd_bus_message_open_container(m, 'a', "s");
        for (unsigned i = 0; r >= 0 && i < d->n_names; i++)
                r = sd_bus_message_append(m, "s", d->names[i]);
        if (r >= 0)
                r = sd_bus_message_close_container(m);
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'a', "{sv}");
        if (r >= 0)
                r = ca_append_operation(m);
        if (r >= 0 && d->any_name)
                r = sd_bus_message_append(m, "{sv}", "any-name", "b", true);
        if (r >= 0 && d->pinned)
                r = sd_bus_message_append(m, "{sv}", "pinned", "b", true);
        if (r >= 0 && d->ak_lifetime > 0)
                r = sd_bus_message_append(m, "{sv}", "ak-lifetime", "t", (uint64_t) d->ak_lifetime);
        if (r >= 0 && d->expires > 0)
                r = sd_bus_message_append(m, "{sv}", "expires", "t", (uint64_t) d->expires);
        if (r >= 0 && d->note)
                r = sd_bus_message_append(m, "{sv}", "note", "s", d->note);
        return r < 0 ? r : sd_bus_message_close_container(m);
}
