/* SPDX-License-Identifier: MIT */
#include "shared/metrics-socket.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <systemd/sd-daemon.h>

#define HEAD \
        "HTTP/1.0 200 OK\r\n" \
        "Content-Type: " OPENMETRICS_CONTENT_TYPE "\r\n" \
        "Connection: close\r\n" \
        "\r\n"

typedef struct Scrape {
        MetricsSocket *socket;
        int fd;
        sd_event_source *io, *timer;
        Bytes answer;
        size_t written, n_read;
} Scrape;

struct MetricsSocket {
        sd_event *event;
        MetricsFill fill;
        void *userdata;
        int fd;
        sd_event_source *io;
        Scrape scrapes[METRICS_CONNECTIONS_MAX]; /* socket NULL: free */
};

static void scrape_done(Scrape *r) {
        if (!r->socket)
                return;
        (void) sd_event_source_disable_unref(r->io);
        (void) sd_event_source_disable_unref(r->timer);
        bytes_done(&r->answer);
        (void) close(r->fd);
        *r = (Scrape) {};
}

static int make_answer(MetricsSocket *s, Bytes *ret) {
        uint8_t buffer[sizeof(HEAD) + OPENMETRICS_MAX];
        Metrics m = { .w = WRITER(buffer, sizeof(buffer)) };

        write_bytes(&m.w, HEAD, strlen(HEAD));
        s->fill(&m, s->userdata);
        metrics_end(&m);
        return m.w.failed ? -E2BIG : bytes_copy(writer_view(&m.w), ret);
}

static int put(Scrape *r) {
        while (r->written < r->answer.size) {
                ssize_t n = send(r->fd, r->answer.data + r->written, r->answer.size - r->written,
                                 MSG_NOSIGNAL | MSG_DONTWAIT);
                if (n < 0)
                        return errno == EAGAIN ? 0 : -errno;
                r->written += (size_t) n;
        }
        (void) shutdown(r->fd, SHUT_WR);
        return sd_event_source_set_io_events(r->io, EPOLLIN);
}

/* To its end: a request that was left unread would take the answer away from who sent it. */
static int drain(Scrape *r) {
        char buffer[METRICS_REQUEST_MAX];

        ssize_t n = recv(r->fd, buffer, sizeof(buffer), MSG_DONTWAIT);
        if (n < 0)
                return errno == EAGAIN ? 0 : -errno;
        r->n_read += (size_t) n;
        return n == 0 || r->n_read > METRICS_REQUEST_MAX ? -ECONNRESET : 0;
}

static int on_scrape(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        Scrape *r = userdata;
        int e = 0;

        if (revents & EPOLLOUT)
                e = put(r);
        if (e >= 0 && (revents & (EPOLLIN | EPOLLHUP | EPOLLERR)))
                e = drain(r);
        if (e < 0)
                scrape_done(r);
        return 0;
}

static int on_timeout(sd_event_source *source, uint64_t usec, void *userdata) {
        scrape_done(userdata);
        return 0;
}

static Scrape *find_free(MetricsSocket *s) {
        for (size_t i = 0; i < METRICS_CONNECTIONS_MAX; i++)
                if (!s->scrapes[i].socket)
                        return &s->scrapes[i];
        return NULL;
}

static int on_connect(sd_event_source *source, int listener, uint32_t revents, void *userdata) {
        MetricsSocket *s = userdata;
        Scrape *r = find_free(s);

        int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd < 0)
                return 0;
        if (!r) {
                (void) close(fd);
                return 0;
        }
        *r = (Scrape) { .socket = s, .fd = fd };
        if (make_answer(s, &r->answer) < 0 ||
            sd_event_add_io(s->event, &r->io, fd, EPOLLIN | EPOLLOUT, on_scrape, r) < 0 ||
            sd_event_add_time_relative(s->event, &r->timer, CLOCK_BOOTTIME, METRICS_USEC, 0, on_timeout, r) < 0)
                scrape_done(r);
        return 0;
}

/* --- Beginning and end --- */

static int find_socket(int *ret) {
        char **names = NULL;
        int fd = -EBADF;

        int n = sd_listen_fds_with_names(false, &names);
        for (int i = 0; i < n; i++) {
                if (strcmp(names[i], METRICS_SOCKET_NAME) == 0 &&
                    sd_is_socket(SD_LISTEN_FDS_START + i, AF_UNIX, SOCK_STREAM, true) > 0)
                        fd = SD_LISTEN_FDS_START + i;
                free(names[i]);
        }
        free(names);
        if (n < 0)
                return n;
        if (fd >= 0 && (fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) < 0 || fcntl(fd, F_SETFD, FD_CLOEXEC) < 0))
                return -errno;
        *ret = fd;
        return 0;
}

int metrics_socket_take(sd_event *event, MetricsFill fill, void *userdata, MetricsSocket **ret) {
        _cleanup_(metrics_socket_freep) MetricsSocket *s = NULL;
        int fd = -EBADF;

        int r = find_socket(&fd);
        if (r < 0)
                return r;
        if (fd < 0) {
                *ret = NULL;
                return 0;
        }
        s = calloc(1, sizeof(*s));
        if (!s)
                return -ENOMEM;
        *s = (MetricsSocket) { .event = sd_event_ref(event), .fill = fill, .userdata = userdata, .fd = fd };
        r = sd_event_add_io(event, &s->io, fd, EPOLLIN, on_connect, s);
        if (r >= 0) /* who cannot be accepted for want of descriptors must not keep the loop busy */
                r = sd_event_source_set_ratelimit(s->io, METRICS_ACCEPT_USEC, METRICS_ACCEPT_BURST);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(s);
        return 0;
}

MetricsSocket *metrics_socket_free(MetricsSocket *s) {
        if (!s)
                return NULL;
        for (size_t i = 0; i < METRICS_CONNECTIONS_MAX; i++)
                scrape_done(&s->scrapes[i]);
        (void) sd_event_source_disable_unref(s->io);
        (void) close(s->fd);
        (void) sd_event_unref(s->event);
        free(s);
        return NULL;
}
