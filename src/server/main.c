/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <systemd/sd-daemon.h>

#include "server/server-bus.h"
#include "server/server-idle.h"
#include "server/server-metrics.h"
#include "shared/log.h"

#define EXIT_USAGE 2
#define EXIT_DAMAGED 65 /* EX_DATAERR */
#define FRONT_SOCKET_NAME "front"

/* The socket that systemd listens on for fronts; -EBADF when there is none. Others are closed. */
static int front_listener(int *ret) {
        char **names = NULL;
        int found = -EBADF;

        int n = sd_listen_fds_with_names(true, &names);
        if (n < 0)
                return log_error_errno(n, "Could not take sockets from systemd: %m");
        for (int i = 0; i < n; i++) {
                int fd = SD_LISTEN_FDS_START + i;
                if (found < 0 && strcmp(names[i], FRONT_SOCKET_NAME) == 0 &&
                    sd_is_socket(fd, AF_UNIX, SOCK_SEQPACKET, true) > 0)
                        found = fd;
                else if (strcmp(names[i], METRICS_SOCKET_NAME) != 0) {
                        log_warning("systemd passed a socket \"%s\" that is of no use here.", names[i]);
                        (void) close(fd);
                }
        }
        for (char **name = names; name && *name; name++)
                free(*name);
        free(names);
        if (found >= 0 && fcntl(found, F_SETFL, fcntl(found, F_GETFL) | O_NONBLOCK) < 0)
                return log_error_errno(-errno, "Could not use the socket of systemd's: %m");
        *ret = found;
        return 0;
}

static int run(const ServerSettings *settings) {
        sd_event *event = NULL;
        Server *s = NULL;
        int listener = -EBADF, status = EXIT_FAILURE;

        int r = sd_event_new(&event);
        if (r < 0)
                log_error_errno(r, "Could not make an event loop: %m");
        else
                (void) sd_event_set_watchdog(event, true);
        if (r >= 0)
                r = server_new(event, settings, &s);
        if (r >= 0)
                r = metrics_socket_take(event, server_metrics, s, &s->metrics);
        if (r >= 0)
                r = front_listener(&listener);
        if (r >= 0)
                r = server_start_fronts(s, listener);
        if (r >= 0)
                r = server_idle_start(s, listener >= 0);
        if (r >= 0)
                r = settings->no_bus ? sd_notify(false, "READY=1") : server_bus_open(s);
        if (r >= 0) {
                status = sd_event_loop(event);
                if (status < 0)
                        log_error_errno(status, "The event loop failed: %m");
        }
        server_free(s);
        sd_event_unref(event);
        return status < 0 ? EXIT_FAILURE : status;
}

static int check(const ServerSettings *settings) {
        sd_event *event = NULL;
        Server *s = NULL;

        int r = sd_event_new(&event);
        if (r < 0)
                log_error_errno(r, "Could not make an event loop: %m");
        else
                r = server_new(event, settings, &s);
        server_free(s);
        sd_event_unref(event);
        return r == -EUCLEAN ? EXIT_DAMAGED : r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

int main(int argc, char **argv) {
        _cleanup_(server_settings_done) ServerSettings settings = SERVER_SETTINGS_NULL;

        log_open("atteztd");
        (void) umask(0022); /* what is secret says so by its own mode */
        (void) signal(SIGPIPE, SIG_IGN);

        int r = server_settings_load(&settings, argc, argv);
        if (r != 0)
                return r > 0 ? EXIT_SUCCESS : r == -EINVAL ? EXIT_USAGE : EXIT_FAILURE;
        if (settings.verbose)
                log_set_max_level(LOG_DEBUG);
        if (settings.check_settings)
                return log_complained() ? EXIT_FAILURE : EXIT_SUCCESS;
        return settings.check ? check(&settings) : run(&settings);
}
