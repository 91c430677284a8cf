/* SPDX-License-Identifier: MIT */
#include "cli/doctor.h"

/* Without polkit the daemons answer to root alone. */

#define POLKIT "org.freedesktop.PolicyKit1"
#define UNIT_PATH "/org/freedesktop/systemd1/unit/polkit_2eservice"

static const char *what_mends(sd_bus *bus) {
        switch (cli_unit_there(bus, UNIT_PATH)) {
        case UNIT_MISSING:
                return "apt install polkitd";
        case UNIT_MASKED:
                return "systemctl unmask polkit.service && systemctl start polkit.service";
        default:
                return "systemctl start polkit.service";
        }
}

void look_polkit(const Host *h, Finding *f) {
        _cleanup_free_ char *backend = NULL;
        sd_bus *bus = NULL;

        if (sd_bus_open_system(&bus) < 0) {
                finding_skipped(f, NULL, "The system bus cannot be reached.");
                return;
        }
        (void) sd_bus_set_method_call_timeout(bus, DOCTOR_CALL_USEC);
        int r = sd_bus_get_property_string(bus, POLKIT, "/org/freedesktop/PolicyKit1/Authority", POLKIT ".Authority",
                                           "BackendName", NULL, &backend);
        if (r < 0)
                finding_warning(f, what_mends(bus), "polkit does not answer: only root can use attezt here.");
        else
                finding_ok(f, "polkit answers whether others than root may use attezt.");
        sd_bus_close_unref(bus);
}
