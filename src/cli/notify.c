/* SPDX-License-Identifier: MIT */
/* A person at a desktop hears, once, that the certificate is about to end and cannot be renewed, and once that it has
 * ended. Run by this user's service manager every hour. */
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "cli/device.h"
#include "protocol/renewal-plan.h"
#include "shared/files.h"

#define TOLD_NAME "attezt-notice" /* in $XDG_RUNTIME_DIR: gone with the session */
#define TOLD_MAX 64U
#define LOCAL_TIME_MAX 64U

typedef struct Situation {
        uint64_t not_after, last_renewal;
        uint32_t failures;
        char *outcome;
} Situation;

static void situation_done(Situation *s) {
        free(s->outcome);
}

static int get(sd_bus *bus, const char *name, sd_bus_error *error, char type, void *ret) {
        return sd_bus_get_property_trivial(bus, ATTEZT_AGENT_BUS_NAME, ATTEZT_AGENT_OBJECT, ATTEZT_AGENT_INTERFACE,
                                           name, error, type, ret);
}

/* Properties, which everybody may read. Exit status. */
static int look(Cli *c, Situation *ret) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_(situation_done) Situation s = {};
        sd_bus *bus;
        int status;

        status = cli_bus(c, &bus);
        if (status != EXIT_SUCCESS)
                return status;
        if (get(bus, "NotAfter", &error, 't', &s.not_after) < 0 ||
            get(bus, "LastRenewal", &error, 't', &s.last_renewal) < 0 ||
            get(bus, "RenewalFailures", &error, 'u', &s.failures) < 0 ||
            sd_bus_get_property_string(bus, ATTEZT_AGENT_BUS_NAME, ATTEZT_AGENT_OBJECT, ATTEZT_AGENT_INTERFACE,
                                       "LastOutcome", &error, &s.outcome) < 0)
                return cli_bus_error(c, &error);
        *ret = TAKE_GENERIC(s, (Situation) {});
        return EXIT_SUCCESS;
}

/* --- Once --- */

static char *told_path(void) {
        const char *dir = getenv("XDG_RUNTIME_DIR");
        char *path = NULL;

        return dir && path_join(dir, TOLD_NAME, &path) >= 0 ? path : NULL;
}

static void format_told(const Situation *s, RenewalNotice notice, char ret[static TOLD_MAX]) {
        (void) snprintf(ret, TOLD_MAX, "%" PRIu64 " %s\n", s->not_after, notice == NOTICE_ENDED ? "ended" : "soon");
}

static bool was_told(const char *path, const char *told) {
        _cleanup_bytes_ Bytes text = BYTES_NULL;
        return path && file_read(path, TOLD_MAX, &text) >= 0 && view_equal(bytes_view(&text), VIEW_STR(told));
}

/* --- The notification --- */

static const char *local_time(uint64_t t, char ret[static LOCAL_TIME_MAX]) {
        time_t seconds = (time_t) t;
        struct tm tm;

        if (!localtime_r(&seconds, &tm) || strftime(ret, LOCAL_TIME_MAX, "%F %H:%M", &tm) == 0)
                ret[0] = 0;
        return ret;
}

static int append_hints(sd_bus_message *m, RenewalNotice notice) {
        int r = sd_bus_message_open_container(m, 'a', "{sv}");
        if (r >= 0)
                r = sd_bus_message_append(m, "{sv}", "urgency", "y", notice == NOTICE_ENDED ? 2 : 1);
        if (r >= 0)
                r = sd_bus_message_append(m, "{sv}", "category", "s", "device.error");
        return r < 0 ? r : sd_bus_message_close_container(m);
}

static int append_texts(sd_bus_message *m, const Situation *s, RenewalNotice notice) {
        char body[512], end[LOCAL_TIME_MAX];

        (void) snprintf(body, sizeof(body), "%s %s, and could not be renewed: %s. \"attezt status\" tells more.",
                        notice == NOTICE_ENDED ? "It ended at" : "It ends at", local_time(s->not_after, end),
                        strcmp(s->outcome, "no-network") == 0 ? "no server can be reached" : s->outcome);
        return sd_bus_message_append(m, "susssas", "attezt", 0U, "security-low",
                                     notice == NOTICE_ENDED ? "This device's certificate has ended"
                                                            : "This device's certificate ends soon",
                                     body, 0);
}

/* Exit status. */
static int notify(const Situation *s, RenewalNotice notice) {
        _cleanup_(sd_bus_flush_close_unrefp) sd_bus *bus = NULL;
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_message_ sd_bus_message *m = NULL;
        int r;

        r = sd_bus_open_user(&bus);
        if (r < 0) {
                log_error_errno(r, "The bus of this session cannot be reached: %m");
                return EXIT_TEMPORARY;
        }
        r = sd_bus_message_new_method_call(bus, &m, "org.freedesktop.Notifications", "/org/freedesktop/Notifications",
                                           "org.freedesktop.Notifications", "Notify");
        if (r >= 0)
                r = append_texts(m, s, notice);
        if (r >= 0)
                r = append_hints(m, notice);
        if (r >= 0)
                r = sd_bus_message_append(m, "i", notice == NOTICE_ENDED ? 0 : -1);
        if (r >= 0)
                r = sd_bus_call(bus, m, CLI_CALL_USEC, &error, NULL);
        if (r < 0) {
                log_error("This desktop shows no notification: %s", error.message ?: strerror(-r));
                return EXIT_TEMPORARY;
        }
        return EXIT_SUCCESS;
}

int verb_notify(Cli *c, int argc, char **argv) {
        _cleanup_(situation_done) Situation s = {};
        _cleanup_free_ char *path = told_path();
        char told[TOLD_MAX];
        int status;

        cli_parse(c, argc, argv, NULL, 0, 0);
        status = look(c, &s);
        if (status != EXIT_SUCCESS)
                return status;
        bool failing = device_fails_to_renew(s.failures, s.outcome);
        RenewalNotice notice = renewal_notice(failing, (int64_t) s.last_renewal, (int64_t) s.not_after,
                                              (int64_t) time(NULL));
        format_told(&s, notice, told);
        if (notice == NOTICE_NONE || was_told(path, told))
                return EXIT_SUCCESS;
        status = notify(&s, notice);
        if (status == EXIT_SUCCESS && path)
                (void) file_write_atomic_path(path, 0600, VIEW_STR(told)); /* else it is told again */
        return status;
}
