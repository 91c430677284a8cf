/* SPDX-License-Identifier: MIT */
#include <time.h>

#include "cli/cli.h"

/* A service that does not start keeps the bus waiting for 25 seconds, and its caller with it. So while an answer is
 * outstanding its unit is looked at. A bus without systemd knows no units, and the answer is waited for. */

#define LOOK_USEC 500000U
#define LOOK_CALL_USEC (2ULL * 1000 * 1000)
#define RESTARTS_MAX 2U /* one crash is mended by systemd, and the call answered */
#define MANAGER "org.freedesktop.systemd1"
#define UNITS "/org/freedesktop/systemd1/unit/"

typedef struct UnitLook {
        bool failed;       /* given up by systemd, with no start under way */
        uint32_t restarts; /* by systemd itself, since somebody started it */
} UnitLook;

static const char *unit_path(const char *destination) {
        return strcmp(destination, ATTEZT_SERVER_BUS_NAME) == 0 ? UNITS "atteztd_2eservice"
                                                                : UNITS "attezt_2dagent_2eservice";
}

static int read_job(sd_bus *bus, const char *path, uint32_t *ret) {
        _cleanup_message_ sd_bus_message *m = NULL;

        int r = sd_bus_get_property(bus, MANAGER, path, MANAGER ".Unit", "Job", NULL, &m, "(uo)");
        return r < 0 ? r : sd_bus_message_read(m, "(uo)", ret, NULL);
}

static int look(sd_bus *bus, const char *destination, UnitLook *ret) {
        const char *path = unit_path(destination);
        _cleanup_free_ char *state = NULL;
        uint32_t job = 0, restarts = 0;
        uint64_t before = 0;
        int r;

        (void) sd_bus_get_method_call_timeout(bus, &before);
        (void) sd_bus_set_method_call_timeout(bus, LOOK_CALL_USEC);
        /* First the job: one that ends between both has changed the state before. */
        r = read_job(bus, path, &job);
        if (r >= 0)
                r = sd_bus_get_property_string(bus, MANAGER, path, MANAGER ".Unit", "ActiveState", NULL, &state);
        if (r >= 0)
                r = sd_bus_get_property_trivial(bus, MANAGER, path, MANAGER ".Service", "NRestarts", NULL, 'u',
                                                &restarts);
        (void) sd_bus_set_method_call_timeout(bus, before);
        if (r < 0)
                return r;
        *ret = (UnitLook) { .failed = job == 0 && strcmp(state, "failed") == 0, .restarts = restarts };
        return 0;
}

UnitThere cli_unit_there(sd_bus *bus, const char *path) {
        _cleanup_free_ char *state = NULL;

        if (sd_bus_get_property_string(bus, MANAGER, path, MANAGER ".Unit", "LoadState", NULL, &state) < 0)
                return UNIT_UNKNOWN;
        return strcmp(state, "masked") == 0 ? UNIT_MASKED : strcmp(state, "not-found") == 0 ? UNIT_MISSING : UNIT_THERE;
}

UnitThere cli_service_there(sd_bus *bus, const char *destination) {
        return cli_unit_there(bus, unit_path(destination));
}

bool cli_service_failed(sd_bus *bus, const char *destination) {
        UnitLook l;
        return look(bus, destination, &l) >= 0 && l.failed;
}

static uint64_t now_usec(void) {
        struct timespec ts = {};

        (void) clock_gettime(CLOCK_MONOTONIC, &ts);
        return (uint64_t) ts.tv_sec * 1000000U + (uint64_t) ts.tv_nsec / 1000U;
}

static int on_reply(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        sd_bus_message **reply = userdata;

        *reply = sd_bus_message_ref(m);
        return 0;
}

/* Until *reply is there. -ENOEXEC: the service does not start. */
static int wait_for_reply(sd_bus *bus, const char *destination, sd_bus_message **reply) {
        uint64_t next = now_usec() + LOOK_USEC;
        UnitLook first = {}, l;
        bool known = false;

        while (!*reply) {
                int r = sd_bus_process(bus, NULL);
                if (r < 0)
                        return r;
                if (r > 0)
                        continue;
                uint64_t now = now_usec();
                if (now < next) {
                        r = sd_bus_wait(bus, next - now);
                        if (r < 0 && r != -EINTR)
                                return r;
                        continue;
                }
                next = now + LOOK_USEC;
                if (look(bus, destination, &l) < 0)
                        continue;
                if (!known || l.restarts < first.restarts)
                        first = l;
                known = true;
                if (l.failed || l.restarts - first.restarts >= RESTARTS_MAX)
                        return -ENOEXEC;
        }
        return 0;
}

int cli_call_service(sd_bus *bus, sd_bus_message *m, uint64_t usec, sd_bus_error *error, sd_bus_message **ret) {
        _cleanup_message_ sd_bus_message *reply = NULL;
        sd_bus_slot *slot = NULL;

        int r = sd_bus_call_async(bus, &slot, m, on_reply, &reply, usec);
        if (r >= 0)
                r = wait_for_reply(bus, sd_bus_message_get_destination(m), &reply);
        sd_bus_slot_unref(slot);
        if (r == -ENOEXEC)
                return sd_bus_error_set(error, CLI_ERROR_NOT_STARTING, NULL);
        if (r < 0)
                return sd_bus_error_set_errno(error, r);
        if (sd_bus_message_is_method_error(reply, NULL)) {
                (void) sd_bus_error_copy(error, sd_bus_message_get_error(reply));
                return -sd_bus_message_get_errno(reply);
        }
        if (ret)
                *ret = TAKE_PTR(reply);
        return 0;
}
