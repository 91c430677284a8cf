/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "cli/cli.h"

typedef struct ErrorHint {
        const char *name;
        int status;
        const char *hint; /* what to do next, or NULL */
} ErrorHint;

static const ErrorHint hints[] = {
        { SD_BUS_ERROR_ACCESS_DENIED, EXIT_DENIED, "Run it as root, or as a user whom polkit's rules allow it." },
        { SD_BUS_ERROR_INTERACTIVE_AUTHORIZATION_REQUIRED, EXIT_DENIED,
          "Run it as root (sudo), or on a terminal where a password can be asked." },
        { SD_BUS_ERROR_LIMITS_EXCEEDED, EXIT_TEMPORARY, "Try again in a moment." },
        { SD_BUS_ERROR_NO_REPLY, EXIT_TEMPORARY, "Try again; the journal of the service may say more." },
        { SD_BUS_ERROR_TIMEOUT, EXIT_TEMPORARY, "Try again; the journal of the service may say more." },
        { SD_BUS_ERROR_DISCONNECTED, EXIT_TEMPORARY, NULL },
        { SD_BUS_ERROR_INVALID_ARGS, EXIT_USAGE, NULL },
        { ATTEZT_ERROR_INVALID, EXIT_USAGE, NULL },
        { ATTEZT_ERROR_NOT_FOUND, EXIT_NOT_FOUND, NULL },
        { ATTEZT_ERROR_CHANGED, EXIT_FAILURE, "Look at it again (attezt ca lookup), then decide." },
        { ATTEZT_ERROR_BUSY, EXIT_TEMPORARY, "Try again when it is done." },
        { ATTEZT_ERROR_NO_CA, EXIT_FAILURE, "Create it with \"attezt ca create\"." },
        { ATTEZT_ERROR_CA_UNUSABLE, EXIT_FAILURE,
          "\"attezt doctor --ca\" says what mends it; so does WHEN THE CA CANNOT BE USED in atteztd(8)." },
        { ATTEZT_ERROR_NOT_ENROLLED, EXIT_NOT_ENROLLED,
          "Enrol it with \"attezt enroll --acme URL --attestation URL\"." },
};

/* A daemon's words for the first of these errors, where it is not polkit that has refused. */
#define NO_POLKIT "polkit could not be asked."

/* The bus could not find or start the service. */
static const char *const absent_errors[] = {
        SD_BUS_ERROR_SERVICE_UNKNOWN,
        SD_BUS_ERROR_NAME_HAS_NO_OWNER,
        "org.freedesktop.DBus.Error.Spawn.ExecFailed",
        "org.freedesktop.DBus.Error.Spawn.ChildExited",
        "org.freedesktop.DBus.Error.Spawn.ServiceNotFound",
        "org.freedesktop.systemd1.NoSuchUnit",
        "org.freedesktop.systemd1.UnitMasked",
        "org.freedesktop.DBus.Error.TimedOut",
        CLI_ERROR_NOT_STARTING,
};

static void tell(const char *text, const char *hint) {
        fputs("attezt: error: ", stderr);
        cli_put_text(stderr, text);
        if (hint)
                fprintf(stderr, "\n        %s", hint);
        fputc('\n', stderr);
}

/* It was not started, or did not come up; the bus itself gives up after 25 seconds. */
static bool does_not_start(const Cli *c, const sd_bus_error *error, bool server) {
        return sd_bus_error_has_name(error, CLI_ERROR_NOT_STARTING) ||
               sd_bus_error_has_name(error, "org.freedesktop.DBus.Error.TimedOut") ||
               (c->bus && cli_service_failed(c->bus, server ? ATTEZT_SERVER_BUS_NAME : ATTEZT_AGENT_BUS_NAME));
}

static int tell_absent(const Cli *c, const sd_bus_error *error) {
        bool server = strncmp(c->verb->words, "ca ", 3) == 0;
        const char *name = server ? ATTEZT_SERVER_BUS_NAME : ATTEZT_AGENT_BUS_NAME;

        if (does_not_start(c, error, server)) {
                tell(server ? "atteztd does not start." : "attezt-agent does not start.",
                     server ? "Its journal says why (journalctl -u atteztd -n 20). When that is mended: "
                              "systemctl restart atteztd"
                            : "Its journal says why (journalctl -u attezt-agent -n 20). When that is mended: "
                              "systemctl restart attezt-agent");
                return EXIT_TEMPORARY;
        }
        if (c->bus && cli_service_there(c->bus, name) == UNIT_MISSING) {
                tell(server ? "There is no attestation CA on this machine." : "attezt-agent is not installed on this machine.",
                     server ? "Run it on the CA host; or, to make one of this machine: apt install attezt-server."
                            : "Install it: apt install attezt-agent.");
                return EXIT_TEMPORARY;
        }
        if (c->bus && cli_service_there(c->bus, name) == UNIT_MASKED) {
                tell(server ? "atteztd is masked on this machine." : "attezt-agent is masked on this machine.",
                     server ? "Unmask it: systemctl unmask atteztd." : "Unmask it: systemctl unmask attezt-agent.");
                return EXIT_TEMPORARY;
        }
        tell(server ? "atteztd does not run on this machine." : "attezt-agent does not run on this machine.",
             server ? "Start it: systemctl start atteztd (or: atteztd --listen 127.0.0.1:8080)."
                    : "Start it: systemctl start attezt-agent.");
        return EXIT_TEMPORARY;
}

int cli_bus_error(const Cli *c, const sd_bus_error *error) {
        for (size_t i = 0; i < ELEMENTSOF(absent_errors); i++)
                if (sd_bus_error_has_name(error, absent_errors[i]))
                        return tell_absent(c, error);

        const char *text = error->message ? error->message : error->name ? error->name : "Unknown error.";
        for (size_t i = 0; i < ELEMENTSOF(hints); i++)
                if (sd_bus_error_has_name(error, hints[i].name)) {
                        bool moot = hints[i].status == EXIT_NOT_ENROLLED && strcmp(c->verb->words, "unenroll") == 0;
                        const char *hint = strcmp(text, NO_POLKIT) == 0 ?
                                                   "Run it as root (sudo); or let polkit answer: apt install polkitd, systemctl "
                                                   "start polkit.service." : hints[i].hint;
                        tell(text, moot ? NULL : hint);
                        return hints[i].status;
                }
        tell(text, NULL);
        return EXIT_FAILURE;
}

int cli_failed(int error, const char *what) {
        log_error_errno(error, "Could not %s: %m", what);
        return EXIT_FAILURE;
}

int cli_bus(Cli *c, sd_bus **ret) {
        if (!c->bus) {
                int r = sd_bus_open_system(&c->bus);
                if (r < 0) {
                        log_error_errno(r, "Could not connect to the system bus: %m");
                        return EXIT_TEMPORARY;
                }
        }
        *ret = c->bus;
        return EXIT_SUCCESS;
}

int cli_new_call(Cli *c, const char *interface, const char *method, sd_bus_message **ret) {
        bool server = strcmp(interface, ATTEZT_SERVER_INTERFACE) == 0;
        sd_bus *bus;

        int status = cli_bus(c, &bus);
        if (status != EXIT_SUCCESS)
                return status;
        int r = sd_bus_message_new_method_call(bus, ret, server ? ATTEZT_SERVER_BUS_NAME : ATTEZT_AGENT_BUS_NAME,
                                               server ? ATTEZT_SERVER_OBJECT : ATTEZT_AGENT_OBJECT, interface,
                                               method);
        return r < 0 ? cli_failed(r, "make a message") : EXIT_SUCCESS;
}

int cli_call(Cli *c, sd_bus_message *m, sd_bus_message **ret) {
        sd_bus_error error = SD_BUS_ERROR_NULL;
        bool interactive = !c->no_ask_password;

        if (interactive)
                cli_password_agent_open(c);
        int r = sd_bus_message_set_allow_interactive_authorization(m, interactive);
        if (r < 0)
                return cli_failed(r, "make a message");
        r = cli_call_service(c->bus, m, interactive ? CLI_INTERACTIVE_CALL_USEC : CLI_CALL_USEC, &error, ret);
        int status = r < 0 ? cli_bus_error(c, &error) : EXIT_SUCCESS;
        sd_bus_error_free(&error);
        return status;
}

static int on_answer(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        *(sd_bus_message **) userdata = sd_bus_message_ref(m);
        return 1;
}

int cli_call_watching(Cli *c, sd_bus_message *m, const char *signal, sd_bus_message_handler_t on_signal,
                      sd_bus_message **ret) {
        _cleanup_message_ sd_bus_message *answer = NULL;

        if (!c->no_ask_password)
                cli_password_agent_open(c);
        int r = sd_bus_message_set_allow_interactive_authorization(m, !c->no_ask_password);
        if (r >= 0)
                r = sd_bus_match_signal(c->bus, NULL, ATTEZT_SERVER_BUS_NAME, ATTEZT_SERVER_OBJECT,
                                        ATTEZT_SERVER_INTERFACE, signal, on_signal, NULL);
        if (r >= 0)
                r = sd_bus_call_async(c->bus, NULL, m, on_answer, &answer, CLI_INTERACTIVE_CALL_USEC);
        while (r >= 0 && !answer) {
                r = sd_bus_process(c->bus, NULL);
                if (r == 0)
                        r = sd_bus_wait(c->bus, UINT64_MAX);
        }
        if (r < 0)
                return cli_failed(r, "wait for the answer");
        if (sd_bus_message_is_method_error(answer, NULL))
                return cli_bus_error(c, sd_bus_message_get_error(answer));
        *ret = TAKE_PTR(answer);
        return EXIT_SUCCESS;
}
