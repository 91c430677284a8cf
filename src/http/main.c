/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <sys/prctl.h>

#include <systemd/sd-daemon.h>

#include "http/attest-routes.h"
#include "http/http-metrics.h"
#include "http/http-settings.h"
#include "http/sockets.h"
#include "http/tls.h"
#include "shared/idle.h"
#include "shared/log.h"
#include "shared/metrics-socket.h"

#define EXIT_USAGE 2
#define FRONT_USER "attezt-http"

typedef struct Program {
        HttpSettings settings;
        sd_event *event;
        Front front;
        HttpServer *server;
        bool activated; /* all its sockets are systemd's, which starts it again */
        Idle *idle;
        HttpMetrics told;
        MetricsSocket *metrics;
} Program;

/* The order matters: the end of the backend answers what waits, the server writes that out, and may meanwhile
 * read another request, which asks the backend. */
static void program_done(Program *p) {
        (void) idle_free(p->idle);
        (void) metrics_socket_free(p->metrics);
        if (p->front.backend)
                backend_stop(p->front.backend);
        (void) http_server_free(p->server);
        (void) backend_free(p->front.backend);
        tls_close();
        public_files_done(&p->front.files);
        webhook_auth_done(&p->front.webhook);
        fairness_done(&p->front.fairness);
        (void) sd_event_unref(p->event);
        http_settings_done(&p->settings);
}

static void on_changed(void *userdata) {
        Program *p = userdata;

        public_files_reload(&p->front.files, p->event);
}

/* An inherited connection has no name to find again: whoever started this process starts it again. */
static void on_lost(void *userdata) {
        Program *p = userdata;

        log_info("The connection to atteztd was inherited and is gone: ending.");
        (void) sd_event_exit(p->event, EXIT_SUCCESS);
}

static int on_hangup(sd_event_source *s, const struct signalfd_siginfo *si, void *userdata) {
        Program *p = userdata;

        public_files_reload(&p->front.files, p->event);
        webhook_auth_load(&p->front.webhook);
        if (p->settings.tls_cert)
                tls_check();
        return 0;
}

static int add_signals(Program *p) {
        static const int signals[] = { SIGTERM, SIGINT, SIGHUP };
        sigset_t mask;
        int r;

        (void) signal(SIGPIPE, SIG_IGN);
        (void) sigemptyset(&mask);
        for (size_t i = 0; i < ELEMENTSOF(signals); i++)
                (void) sigaddset(&mask, signals[i]);
        if (sigprocmask(SIG_BLOCK, &mask, NULL) < 0)
                return -errno;
        r = sd_event_add_signal(p->event, NULL, SIGHUP, on_hangup, p);
        /* Without a handler a signal ends the loop, with the data as exit status. */
        if (r >= 0)
                r = sd_event_add_signal(p->event, NULL, SIGTERM, NULL, (void *) EXIT_SUCCESS);
        return r < 0 ? r : sd_event_add_signal(p->event, NULL, SIGINT, NULL, (void *) EXIT_SUCCESS);
}

static int open_backend(Program *p) {
        static const BackendCallbacks callbacks = { .changed = on_changed, .lost = on_lost };
        int fd = p->settings.backend_fd;

        if (fd < 0)
                return backend_new_path(p->event, p->settings.backend, &callbacks, p, &p->front.backend);
        if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
                return -errno;
        return backend_new_fd(p->event, fd, &callbacks, p, &p->front.backend);
}

static int open_server(Program *p) {
        _cleanup_(listen_sockets_done) ListenSockets sockets = {};
        int r;

        r = listen_sockets_open(&p->settings, &sockets);
        if (r < 0)
                return r;
        if (p->settings.tls_cert) {
                r = tls_open(p->settings.tls_cert, p->settings.tls_key, p->settings.webhook_client_roots);
                if (r < 0)
                        return r;
        }
        listen_sockets_tell(&sockets);
        p->activated = sockets.n_passed == sockets.n;
        r = http_server_new(p->event, attest_routes, &p->settings.limits, &p->front, &p->server);
        for (unsigned i = 0; i < sockets.n && r >= 0; i++) {
                ListenSocket *l = &sockets.sockets[i];
                r = http_server_listen(p->server, TAKE_FD(l->fd), l->tls ? tls_certificate : NULL, sockets.n);
        }
        if (r < 0)
                return log_error_errno(r, "Could not start the HTTP server: %m");
        return 0;
}

/* --- Nobody there --- */

static bool is_busy(void *userdata) {
        const Program *p = userdata;
        uint64_t ever;

        return http_server_connections(p->server, &ever) > 0;
}

static uint64_t served(void *userdata) {
        const Program *p = userdata;
        uint64_t ever;

        (void) http_server_connections(p->server, &ever);
        return ever;
}

/* Who connects from now on waits in systemd's socket for the next one of us. */
static void go(void *userdata) {
        const Program *p = userdata;

        log_debug("Nobody is here: ending until somebody comes.");
        (void) sd_notify(false, "STOPPING=1");
        (void) sd_event_exit(p->event, EXIT_SUCCESS);
}

static int open_idle(Program *p) {
        static const IdleCallbacks callbacks = { .busy = is_busy, .served = served, .go = go };
        int64_t seconds = p->settings.idle_sec;

        if (seconds < 0)
                seconds = p->activated && p->settings.backend_fd < 0 ? IDLE_DEFAULT_SEC : 0;
        return seconds > 0 ? idle_new(p->event, seconds, &callbacks, p, &p->idle) : 0;
}

/* --- Beginning --- */

/* Started as root, the front keeps that for its sockets and its TLS key only. A TLS key that changes later must be
 * readable by the user. */
static int drop_privileges(void) {
        const struct passwd *u;

        if (geteuid() != 0)
                return 0;
        u = getpwnam(FRONT_USER);
        if (!u) {
                log_warning("There is no user " FRONT_USER " to become: what strangers send is parsed as root.");
                return 0;
        }
        if (setgroups(0, NULL) < 0 || setresgid(u->pw_gid, u->pw_gid, u->pw_gid) < 0 ||
            setresuid(u->pw_uid, u->pw_uid, u->pw_uid) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
                return -errno;
        return 0; /* no PR_SET_PDEATHSIG is left, but the end of atteztd is the end of the connection */
}

static int start(Program *p) {
        int r;

        r = sd_event_new(&p->event);
        if (r >= 0)
                r = add_signals(p);
        if (r < 0)
                return log_error_errno(r, "Could not make an event loop: %m");
        (void) sd_event_set_watchdog(p->event, true);
        p->front.files.public_dir = p->settings.public_dir;
        p->front.files.ek_roots = (const char *const *) p->settings.ek_roots;
        p->front.files.policy = &p->settings.policy;
        r = public_files_load(&p->front.files);
        if (r < 0)
                return r;
        p->front.waiting_retry_sec = p->settings.limits.pending_retry_sec;
        r = fairness_open(&p->front.fairness, &p->settings.limits);
        if (r < 0)
                return log_error_errno(r, "Could not make the tables of limits: %m");
        p->front.webhook.settings = &p->settings;
        webhook_auth_load(&p->front.webhook);
        r = metrics_socket_take(p->event, http_metrics, &p->told, &p->metrics); /* before all the other sockets */
        if (r < 0)
                return log_error_errno(r, "Could not take sockets from systemd: %m");
        r = open_server(p);
        if (r < 0)
                return r;
        p->told = (HttpMetrics) { .server = p->server, .front = &p->front };
        r = drop_privileges();
        if (r < 0)
                return log_error_errno(r, "Could not become user " FRONT_USER ": %m");
        r = open_backend(p);
        if (r < 0)
                return log_error_errno(r, "Could not use the connection to atteztd: %m");
        r = open_idle(p);
        if (r < 0)
                return log_error_errno(r, "No timer: %m");
        /* A child of atteztd's has nothing to tell systemd. */
        if (p->settings.backend_fd < 0)
                (void) sd_notify(false, "READY=1");
        return 0;
}

int main(int argc, char **argv) {
        _cleanup_(program_done) Program p = { .settings = HTTP_SETTINGS_NULL };
        int r;

        log_open("attezt-http");
        r = http_settings_load(&p.settings, argc, argv);
        if (r != 0)
                return r > 0 ? EXIT_SUCCESS : r == -EINVAL ? EXIT_USAGE : EXIT_FAILURE;
        if (p.settings.verbose)
                log_set_max_level(LOG_DEBUG);
        if (p.settings.check_settings) {
                p.front.webhook.settings = &p.settings;
                webhook_auth_load(&p.front.webhook);
                return log_complained() ? EXIT_FAILURE : EXIT_SUCCESS;
        }
        r = start(&p);
        if (r < 0)
                return r == -EINVAL ? EXIT_USAGE : EXIT_FAILURE;
        r = sd_event_loop(p.event);
        if (r < 0)
                log_error_errno(r, "The event loop failed: %m");
        return r < 0 ? EXIT_FAILURE : r;
}
