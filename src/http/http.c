/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <time.h>

#include "http/connection.h"
#include "http/http.h"
#include "shared/log.h"

/* TLS 1.2 and 1.3. */
#define TLS_PRIORITIES "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:%SERVER_PRECEDENCE"
#define TICK_USEC (1000ULL * 1000)
#define TICK_ACCURACY_USEC (100ULL * 1000)
/* libmicrohttpd says "run me again" both when bytes are left in its buffers and, without end, while it waits for
 * the rest of a TLS handshake. So that a silent client costs no CPU: this often at once, then at intervals, until
 * something really happens. */
#define RUNS_AT_ONCE 32U
#define RUN_AGAIN_USEC (20ULL * 1000)
#define RUN_AGAIN_ACCURACY_USEC (5ULL * 1000)
/* Answers that come together are written together. */
#define RUN_PRIORITY (SD_EVENT_PRIORITY_NORMAL + 5)

struct Listener {
        HttpServer *server;
        struct MHD_Daemon *daemon;
        sd_event_source *epoll_source;
        sd_event_source *run_source;  /* once more, at once */
        sd_event_source *wait_source; /* once more, soon */
        unsigned n_runs;              /* since something happened */
        Listener *next;
};

struct HttpServer {
        sd_event *event;
        const HttpRoute *routes;
        const HttpLimits *limits;
        void *userdata;
        Listener *listeners;
        Connections connections;
        HttpCounters counters;
        sd_event_source *tick; /* while there are connections */
};

uint64_t http_server_now(const HttpServer *s) {
        uint64_t now = 0;

        (void) sd_event_now(s->event, CLOCK_BOOTTIME, &now);
        return now;
}

const HttpRoute *http_server_routes(const HttpServer *s) {
        return s->routes;
}

const HttpLimits *http_server_limits(const HttpServer *s) {
        return s->limits;
}

void *http_server_userdata(const HttpServer *s) {
        return s->userdata;
}

void listener_run_soon(Listener *l) {
        (void) sd_event_source_set_enabled(l->run_source, SD_EVENT_ONESHOT);
}

unsigned http_server_connections(const HttpServer *s, uint64_t *ret_ever) {
        *ret_ever = s->connections.ever;
        return s->connections.n;
}

const HttpCounters *http_server_counters(const HttpServer *s) {
        return &s->counters;
}

void http_server_count_answer(HttpServer *s, unsigned status) {
        if (status >= HTTP_STATUS_MIN && status <= HTTP_STATUS_MAX)
                s->counters.answers[status - HTTP_STATUS_MIN]++;
}

/* --- What libmicrohttpd calls --- */

static enum MHD_Result on_request(void *cls, struct MHD_Connection *mhd, const char *url, const char *method,
                                  const char *version, const char *upload_data, size_t *upload_data_size,
                                  void **con_cls) {
        Listener *l = cls;
        ByteView part = VIEW(upload_data, *upload_data_size);

        l->n_runs = 0;
        *upload_data_size = 0;
        return *con_cls ? request_continue(*con_cls, url, method, part) : MHD_NO;
}

static void *on_request_line(void *cls, const char *uri, struct MHD_Connection *mhd) {
        const union MHD_ConnectionInfo *info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
        Connection *c = info ? info->socket_context : NULL;

        if (!c)
                return NULL;
        request_begin(&c->request, http_server_now(c->server));
        return &c->request;
}

static void on_completed(void *cls, struct MHD_Connection *mhd, void **con_cls,
                         enum MHD_RequestTerminationCode toe) {
        Listener *l = cls;

        if (*con_cls)
                request_end(*con_cls, http_server_now(l->server));
        *con_cls = NULL;
}

static enum MHD_Result on_accept(void *cls, const struct sockaddr *sa, socklen_t size) {
        Listener *l = cls;

        if (connections_may_come(&l->server->connections, l->server->limits, sa))
                return MHD_YES;
        l->server->counters.refused++;
        return MHD_NO;
}

static void on_connection(void *cls, struct MHD_Connection *mhd, void **context,
                          enum MHD_ConnectionNotificationCode toe) {
        Listener *l = cls;
        Connections *all = &l->server->connections;
        Connection *c = NULL;

        if (toe == MHD_CONNECTION_NOTIFY_CLOSED) {
                *context = connection_free(all, *context);
                return;
        }
        if (connection_new(all, l->server, l, mhd, http_server_now(l->server), &c) < 0)
                return; /* its request will be refused */
        *context = c;
        if (all->n == 1) {
                (void) sd_event_source_set_time_relative(l->server->tick, TICK_USEC);
                (void) sd_event_source_set_enabled(l->server->tick, SD_EVENT_ONESHOT);
        }
}

/* Paths are compared as they come: nothing in ours needs an escape, and %00 would end a string early. */
static size_t on_unescape(void *cls, struct MHD_Connection *mhd, char *s) {
        return strlen(s);
}

static void on_message(void *cls, const char *format, va_list ap) __attribute__((format(printf, 2, 0)));
static void on_message(void *cls, const char *format, va_list ap) {
        char text[LOG_ESCAPED_MAX], escaped[LOG_ESCAPED_MAX];

        (void) vsnprintf(text, sizeof(text), format, ap);
        size_t n = strcspn(text, "\n");
        log_debug("libmicrohttpd: %s", log_escape(text, n, escaped));
}

/* --- Turning --- */

static void run(Listener *l) {
        MHD_UNSIGNED_LONG_LONG ms;

        (void) MHD_run(l->daemon);
        if (MHD_get_timeout(l->daemon, &ms) != MHD_YES || ms > 0)
                return;
        if (++l->n_runs < RUNS_AT_ONCE)
                listener_run_soon(l);
        else {
                (void) sd_event_source_set_time_relative(l->wait_source, RUN_AGAIN_USEC);
                (void) sd_event_source_set_enabled(l->wait_source, SD_EVENT_ONESHOT);
        }
}

static int on_epoll(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        Listener *l = userdata;

        l->n_runs = 0;
        run(l);
        return 0;
}

static int on_run(sd_event_source *source, void *userdata) {
        run(userdata);
        return 0;
}

static int on_wait(sd_event_source *source, uint64_t usec, void *userdata) {
        run(userdata);
        return 0;
}

static int on_tick(sd_event_source *source, uint64_t usec, void *userdata) {
        HttpServer *s = userdata;

        connections_enforce_deadlines(&s->connections, http_server_now(s));
        for (Listener *l = s->listeners; l; l = l->next)
                run(l);
        if (s->connections.n == 0)
                return 0;
        (void) sd_event_source_set_time_relative(source, TICK_USEC);
        return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

/* --- Beginning and end --- */

static Listener *listener_free(Listener *l) {
        if (!l)
                return NULL;
        (void) sd_event_source_disable_unref(l->epoll_source);
        if (l->daemon) {
                (void) MHD_run(l->daemon); /* what was answered last goes out, as far as it can */
                MHD_stop_daemon(l->daemon);
        }
        (void) sd_event_source_disable_unref(l->run_source);
        (void) sd_event_source_disable_unref(l->wait_source);
        free(l);
        return NULL;
}
DEFINE_TRIVIAL_CLEANUP_FUNC(Listener *, listener_free)

int http_server_new(sd_event *event, const HttpRoute *routes, const HttpLimits *limits, void *userdata, HttpServer **ret) {
        _cleanup_(http_server_freep) HttpServer *s = calloc(1, sizeof(*s));
        int r;

        if (!s)
                return -ENOMEM;
        *s = (HttpServer) { .event = sd_event_ref(event), .routes = routes, .limits = limits, .userdata = userdata };
        r = sd_event_add_time_relative(event, &s->tick, CLOCK_BOOTTIME, TICK_USEC, TICK_ACCURACY_USEC, on_tick, s);
        if (r < 0)
                return r;
        r = sd_event_source_set_enabled(s->tick, SD_EVENT_OFF);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(s);
        return 0;
}

HttpServer *http_server_free(HttpServer *s) {
        if (!s)
                return NULL;
        while (s->listeners) {
                Listener *l = s->listeners;
                s->listeners = l->next;
                (void) listener_free(l);
        }
        (void) sd_event_source_disable_unref(s->tick);
        (void) sd_event_unref(s->event);
        free(s);
        return NULL;
}

static struct MHD_Daemon *start_daemon(Listener *l, int fd, gnutls_certificate_retrieve_function2 *certificate,
                                       unsigned n_connections) {
        const HttpLimits *limits = l->server->limits;
        unsigned flags = MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG;
        struct MHD_OptionItem tls[] = {
                { MHD_OPTION_HTTPS_CERT_CALLBACK, 0, (void *) certificate },
                { MHD_OPTION_HTTPS_PRIORITIES, 0, (void *) TLS_PRIORITIES },
                { MHD_OPTION_END },
        };
        const struct MHD_OptionItem none[] = { { MHD_OPTION_END } };

        return MHD_start_daemon(
                flags | (certificate ? MHD_USE_TLS : 0), 0, on_accept, l, on_request, l,
                MHD_OPTION_EXTERNAL_LOGGER, on_message, NULL,
                MHD_OPTION_LISTEN_SOCKET, fd,
                MHD_OPTION_STRICT_FOR_CLIENT, 1,
                MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1,
                MHD_OPTION_CONNECTION_LIMIT, n_connections,
                MHD_OPTION_CONNECTION_MEMORY_LIMIT, limits->header_size,
                MHD_OPTION_CONNECTION_TIMEOUT, (unsigned) limits->idle_sec,
                MHD_OPTION_UNESCAPE_CALLBACK, on_unescape, NULL,
                MHD_OPTION_URI_LOG_CALLBACK, on_request_line, NULL,
                MHD_OPTION_NOTIFY_COMPLETED, on_completed, l,
                MHD_OPTION_NOTIFY_CONNECTION, on_connection, l,
                MHD_OPTION_ARRAY, certificate ? tls : none,
                MHD_OPTION_END);
}

static int add_sources(Listener *l, sd_event *event) {
        int r;

        r = sd_event_add_defer(event, &l->run_source, on_run, l);
        if (r >= 0)
                r = sd_event_source_set_enabled(l->run_source, SD_EVENT_OFF);
        if (r >= 0)
                r = sd_event_source_set_priority(l->run_source, RUN_PRIORITY);
        if (r >= 0)
                r = sd_event_add_time_relative(event, &l->wait_source, CLOCK_BOOTTIME, RUN_AGAIN_USEC,
                                               RUN_AGAIN_ACCURACY_USEC, on_wait, l);
        return r < 0 ? r : sd_event_source_set_enabled(l->wait_source, SD_EVENT_OFF);
}

int http_server_listen(HttpServer *s, int fd, gnutls_certificate_retrieve_function2 *certificate,
                       unsigned n_listeners) {
        _cleanup_(listener_freep) Listener *l = calloc(1, sizeof(*l));
        _cleanup_close_ int owned = fd;
        int r;

        if (!l)
                return -ENOMEM;
        l->server = s;
        r = add_sources(l, s->event);
        if (r < 0)
                return r;
        l->daemon = start_daemon(l, fd, certificate, MAX_OF(s->limits->connections / n_listeners, 1U));
        if (!l->daemon)
                return -EIO;
        (void) TAKE_FD(owned);
        const union MHD_DaemonInfo *info = MHD_get_daemon_info(l->daemon, MHD_DAEMON_INFO_EPOLL_FD);
        if (!info)
                return -EIO;
        r = sd_event_add_io(s->event, &l->epoll_source, info->epoll_fd, EPOLLIN, on_epoll, l);
        if (r < 0)
                return r;
        l->next = s->listeners;
        s->listeners = TAKE_PTR(l);
        return 0;
}
