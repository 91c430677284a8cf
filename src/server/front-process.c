/* SPDX-License-Identifier: MIT */
#include "server/front-process.h"

#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>

#include "shared/helper.h"
#include "shared/log.h"

#define FRONT_PROGRAM "attezt-http"
/* Behind HELPER_FD, which only watches over the child; messages have a socket of their own, as with a front that
 * connects. */
#define FRONT_BACKEND_FD "4"
#define FRONT_LAST_ARGUMENTS 3U /* --backend-fd 4, NULL */
/* One that lived for so long may be started again at once. */
#define FRONT_STABLE_USEC FRONT_RESTART_USEC_MAX
#define FRONT_EXIT_WAIT_MSEC 2000
/* The first one that ends so soon, by itself and with an error, cannot do what it is told: an address in use, a
 * certificate that is not there. */
#define FRONT_START_USEC (2ULL * 1000 * 1000)

struct FrontProcess {
        sd_event *event;
        Fronts *fronts;
        char **argv;
        Helper *helper;
        sd_event_source *restart;
        uint64_t delay_usec, started_usec;
        unsigned n_started;
};

static uint64_t boottime_usec(const FrontProcess *p) {
        uint64_t now;

        return sd_event_now(p->event, CLOCK_BOOTTIME, &now) < 0 ? 0 : now;
}

static int on_restart(sd_event_source *s, uint64_t usec, void *userdata);

static void schedule_restart(FrontProcess *p, const char *how) {
        if (boottime_usec(p) - p->started_usec >= FRONT_STABLE_USEC)
                p->delay_usec = FRONT_RESTART_USEC_MIN;
        log_warning("The front (" FRONT_PROGRAM ") ended: %s; starting it again in %.1f s.", how,
                    (double) p->delay_usec / 1e6);
        int r = sd_event_add_time_relative(p->event, &p->restart, CLOCK_BOOTTIME, p->delay_usec, 0, on_restart, p);
        if (r < 0)
                log_error_errno(r, "Could not start the front again: %m");
        p->delay_usec = MIN_OF(p->delay_usec * 2, FRONT_RESTART_USEC_MAX);
}

static void on_message(Helper *h, ByteView packet, void *userdata) {
}

static void on_gone(Helper *h, const char *how, void *userdata) {
        FrontProcess *p = userdata;

        if (p->n_started == 1 && helper_exit_status(h) > 0 &&
            boottime_usec(p) - p->started_usec < FRONT_START_USEC) {
                log_error("The front (" FRONT_PROGRAM ") could not start: %s.", how);
                (void) sd_event_exit(p->event, helper_exit_status(h)); /* 2: our --listen is no address */
        } else
                schedule_restart(p, how);
        p->helper = helper_free(p->helper);
}

static int spawn(FrontProcess *p) {
        static const HelperCallbacks callbacks = { .message = on_message, .gone = on_gone };
        int pair[2];

        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
                return -errno;
        int r = helper_spawn(p->argv, &pair[1], 1, p->event, &callbacks, p, &p->helper);
        (void) close(pair[1]);
        if (r < 0) {
                (void) close(pair[0]);
                return r;
        }
        return fronts_add(p->fronts, pair[0]);
}

static int start(FrontProcess *p) {
        p->started_usec = boottime_usec(p);
        p->n_started++;
        int r = spawn(p);
        if (r < 0) {
                log_error_errno(r, "Could not start the front (%s): %m", p->argv[0]);
                p->helper = helper_free(p->helper);
        }
        return r;
}

static int on_restart(sd_event_source *s, uint64_t usec, void *userdata) {
        FrontProcess *p = userdata;

        p->restart = sd_event_source_disable_unref(p->restart);
        if (start(p) < 0)
                schedule_restart(p, "it could not be started");
        return 0;
}

static int make_argv(const char *const *options, char ***ret) {
        size_t n = 0;

        while (options[n])
                n++;
        char **argv = calloc(1 + n + FRONT_LAST_ARGUMENTS, sizeof(char *));
        if (!argv)
                return -ENOMEM;
        int r = helper_program_path(FRONT_PROGRAM, &argv[0]);
        for (size_t i = 0; r >= 0 && i < n + FRONT_LAST_ARGUMENTS - 1; i++) {
                const char *last[] = { "--backend-fd", FRONT_BACKEND_FD };
                argv[1 + i] = strdup(i < n ? options[i] : last[i - n]);
                r = argv[1 + i] ? 0 : -ENOMEM;
        }
        *ret = argv; /* also on failure: for whoever frees it */
        return r;
}

int front_process_new(sd_event *event, Fronts *fronts, const char *const *options, FrontProcess **ret) {
        _cleanup_(front_process_freep) FrontProcess *p = calloc(1, sizeof(*p));
        if (!p)
                return -ENOMEM;
        *p = (FrontProcess) { .event = sd_event_ref(event), .fronts = fronts, .delay_usec = FRONT_RESTART_USEC_MIN };
        int r = make_argv(options, &p->argv);
        if (r >= 0)
                r = start(p);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(p);
        return 0;
}

static void wait_for_exit(pid_t pid) {
        const struct timespec pause = { .tv_nsec = 10 * 1000 * 1000 };

        for (unsigned i = 0; i < FRONT_EXIT_WAIT_MSEC / 10; i++) {
                siginfo_t si = {};
                if (waitid(P_PID, (id_t) pid, &si, WEXITED | WNOHANG) < 0 || si.si_pid != 0)
                        return;
                (void) nanosleep(&pause, NULL);
        }
        (void) kill(pid, SIGKILL);
        (void) waitid(P_PID, (id_t) pid, NULL, WEXITED);
}

FrontProcess *front_process_free(FrontProcess *p) {
        if (!p)
                return NULL;
        sd_event_source_disable_unref(p->restart);
        if (p->helper) {
                pid_t pid = helper_pid(p->helper);
                helper_free(p->helper); /* SIGTERM */
                wait_for_exit(pid);
        }
        for (char **a = p->argv; a && *a; a++)
                free(*a);
        free(p->argv);
        sd_event_unref(p->event);
        free(p);
        return NULL;
}
