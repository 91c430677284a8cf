/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "cli/doctor.h"

typedef struct BusAnswer {
        const char *name;
        int error;
} BusAnswer;

static const BusAnswer answers[] = {
        { SD_BUS_ERROR_ACCESS_DENIED, DOCTOR_DENIED },
        { SD_BUS_ERROR_INTERACTIVE_AUTHORIZATION_REQUIRED, DOCTOR_DENIED },
        { SD_BUS_ERROR_SERVICE_UNKNOWN, DOCTOR_ABSENT },
        { SD_BUS_ERROR_NAME_HAS_NO_OWNER, DOCTOR_ABSENT },
        { "org.freedesktop.DBus.Error.Spawn.ExecFailed", DOCTOR_ABSENT },
        { "org.freedesktop.DBus.Error.Spawn.ChildExited", DOCTOR_ABSENT },
        { "org.freedesktop.DBus.Error.Spawn.ServiceNotFound", DOCTOR_ABSENT },
        { "org.freedesktop.systemd1.NoSuchUnit", DOCTOR_ABSENT },
        { "org.freedesktop.systemd1.UnitMasked", DOCTOR_ABSENT },
        { "org.freedesktop.DBus.Error.TimedOut", DOCTOR_SICK },
        { CLI_ERROR_NOT_STARTING, DOCTOR_SICK },
        { ATTEZT_ERROR_NO_CA, -ENODATA },
        { ATTEZT_ERROR_CA_UNUSABLE, DOCTOR_CA_UNUSABLE },
        { ATTEZT_ERROR_FAILED, -EUCLEAN },
};

static int translate(const sd_bus_error *error, int r) {
        for (size_t i = 0; i < ELEMENTSOF(answers); i++)
                if (sd_bus_error_has_name(error, answers[i].name))
                        return answers[i].error;
        return r;
}

static int call(sd_bus *bus, const char *interface, const char *method, sd_bus_error *error, sd_bus_message **ret) {
        _cleanup_message_ sd_bus_message *m = NULL;
        bool server = strcmp(interface, ATTEZT_SERVER_INTERFACE) == 0;

        int r = sd_bus_message_new_method_call(bus, &m, server ? ATTEZT_SERVER_BUS_NAME : ATTEZT_AGENT_BUS_NAME,
                                               server ? ATTEZT_SERVER_OBJECT : ATTEZT_AGENT_OBJECT, interface, method);
        if (r >= 0 && strcmp(method, "List") == 0)
                r = sd_bus_message_append(m, "su", "", 1);
        if (r >= 0)
                r = sd_bus_message_append(m, "a{sv}", 0);
        return r < 0 ? r : cli_call_service(bus, m, DOCTOR_CALL_USEC, error, ret);
}

int doctor_call(const char *interface, const char *method, sd_bus_message **ret, char **reterr_text) {
        _cleanup_message_ sd_bus_message *reply = NULL;
        sd_bus_error error = SD_BUS_ERROR_NULL;
        sd_bus *bus = NULL;

        if (sd_bus_open_system(&bus) < 0)
                return DOCTOR_NO_BUS;
        int r = call(bus, interface, method, &error, &reply);
        if (r < 0) {
                r = translate(&error, r);
                *reterr_text = error.message ? strdup(error.message) : NULL;
        } else if (ret)
                *ret = TAKE_PTR(reply);
        sd_bus_error_free(&error);
        sd_bus_close_unref(bus);
        return r < 0 ? r : 0;
}

/* unit: a service of ours. */
static UnitThere unit_there(const char *unit) {
        sd_bus *bus = NULL;

        if (sd_bus_open_system(&bus) < 0)
                return UNIT_UNKNOWN;
        UnitThere there = cli_service_there(bus, strcmp(unit, "atteztd") == 0 ? ATTEZT_SERVER_BUS_NAME :
                                                                                ATTEZT_AGENT_BUS_NAME);
        sd_bus_close_unref(bus);
        return there;
}

void doctor_tell_call(Finding *f, int error, const char *what, const char *unit, const char *text) {
        if (error == DOCTOR_NO_BUS)
                finding_failed(f, "systemctl start dbus.socket", "The system bus cannot be reached.");
        else if (error == DOCTOR_DENIED)
                finding_skipped(f, "sudo attezt doctor", "%s says that to root only.", what);
        else if (error == DOCTOR_ABSENT && unit_there(unit) == UNIT_MISSING) {
                finding_failed(f, NULL, "%s is not installed.", what);
                finding_command(f, "apt install %s", strcmp(unit, "atteztd") == 0 ? "attezt-server" : unit);
        } else if (error == DOCTOR_ABSENT && unit_there(unit) == UNIT_MASKED) {
                finding_failed(f, NULL, "%s is masked: neither the bus nor anybody else can start it.", what);
                finding_command(f, "systemctl unmask %s && systemctl start %s", unit, unit);
        } else if (error == DOCTOR_ABSENT) {
                finding_failed(f, NULL, "%s does not run, and the bus cannot start it. If it does not stay, "
                               "\"journalctl -u %s\" says why.", what, unit);
                finding_command(f, "systemctl start %s", unit);
        } else if (error == DOCTOR_SICK) {
                finding_failed(f, NULL, "%s does not start. Its journal says why.", what);
                finding_command(f, "journalctl -u %s -n 20", unit);
        } else {
                finding_failed(f, NULL, "%s does not answer as it should: %s.", what, text ? text : strerror(-error));
                finding_command(f, "systemctl restart %s", unit);
        }
}

int doctor_systemd(sd_bus **ret) {
        _cleanup_free_ char *version = NULL;
        sd_bus *bus = NULL;

        int r = sd_bus_open_system(&bus);
        if (r < 0)
                return r;
        (void) sd_bus_set_method_call_timeout(bus, DOCTOR_CALL_USEC);
        r = sd_bus_get_property_string(bus, SYSTEMD, "/org/freedesktop/systemd1", SYSTEMD ".Manager", "Version", NULL,
                                       &version);
        if (r < 0) {
                sd_bus_close_unref(bus);
                return r;
        }
        *ret = bus;
        return 0;
}

/* From "argv[]" of the first command, "--option VALUE". */
static int read_option(sd_bus_message *m, const char *option, char **ret) {
        const char *path, *word;
        bool next = false;
        int r;

        r = sd_bus_message_enter_container(m, 'a', "(sasbttttuii)");
        if (r > 0)
                r = sd_bus_message_enter_container(m, 'r', "sasbttttuii");
        if (r > 0)
                r = sd_bus_message_read(m, "s", &path);
        if (r > 0)
                r = sd_bus_message_enter_container(m, 'a', "s");
        while (r > 0 && (r = sd_bus_message_read(m, "s", &word)) > 0) {
                if (next)
                        return (*ret = strdup(word)) ? 0 : -ENOMEM;
                next = strcmp(word, option) == 0;
        }
        return r < 0 ? r : -ENOENT;
}

int doctor_unit_option(const char *path, const char *option, char **ret) {
        _cleanup_message_ sd_bus_message *m = NULL;
        sd_bus *bus = NULL;

        int r = doctor_systemd(&bus);
        if (r < 0)
                return -EOPNOTSUPP;
        r = cli_unit_there(bus, path) != UNIT_THERE ? -EOPNOTSUPP :
            sd_bus_get_property(bus, SYSTEMD, path, SYSTEMD ".Service", "ExecStart", NULL, &m, "a(sasbttttuii)");
        if (r >= 0)
                r = read_option(m, option, ret);
        sd_bus_close_unref(bus);
        return r;
}

int doctor_unit_state(sd_bus *bus, const char *path, char **ret_active, char **ret_file) {
        _cleanup_free_ char *active = NULL, *file = NULL;

        int r = sd_bus_get_property_string(bus, SYSTEMD, path, SYSTEMD ".Unit", "ActiveState", NULL, &active);
        if (r >= 0)
                r = sd_bus_get_property_string(bus, SYSTEMD, path, SYSTEMD ".Unit", "UnitFileState", NULL, &file);
        if (r < 0)
                return r;
        *ret_active = TAKE_PTR(active);
        *ret_file = TAKE_PTR(file);
        return 0;
}
