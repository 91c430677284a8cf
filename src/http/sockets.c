/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <sys/un.h>

#include <systemd/sd-daemon.h>

#include "http/address.h"
#include "http/sockets.h"
#include "shared/log.h"
#include "shared/metrics-socket.h"

#define NAME_PLAINTEXT "http" /* FileDescriptorName= of a socket that never speaks TLS */
#define NAME_TLS "https"      /* and of one that always does */

void listen_sockets_done(ListenSockets *l) {
        for (unsigned i = 0; i < l->n; i++)
                if (l->sockets[i].fd >= 0)
                        (void) close(l->sockets[i].fd);
        l->n = 0;
}

static void describe(int fd, char ret[static ADDRESS_TEXT_MAX]) {
        struct sockaddr_storage ss = {};
        socklen_t size = sizeof(ss);

        (void) getsockname(fd, (struct sockaddr *) &ss, &size);
        address_format((const struct sockaddr *) &ss, ret);
}

/* What travels in the clear stays on this machine, unless somebody said otherwise. */
static int check_plaintext(int fd, const HttpSettings *s) {
        struct sockaddr_storage ss = {};
        socklen_t size = sizeof(ss);
        char text[ADDRESS_TEXT_MAX];

        if (getsockname(fd, (struct sockaddr *) &ss, &size) < 0)
                return log_error_errno(-errno, "Could not ask a socket for its address: %m");
        if (s->allow_plaintext || address_is_local((const struct sockaddr *) &ss))
                return 0;
        describe(fd, text);
        log_error("Plain HTTP on %s would be open to others: give --tls-cert and --tls-key, or say --allow-plaintext.",
                  text);
        return -EPERM;
}

static int add_socket(ListenSockets *l, int fd, bool use_tls, const HttpSettings *s) {
        int flags;

        if (l->n >= LISTEN_SOCKETS_MAX) {
                (void) close(fd);
                log_error("Too many sockets to listen on: at most %u.", LISTEN_SOCKETS_MAX);
                return -E2BIG;
        }
        l->sockets[l->n++] = (ListenSocket) { .fd = fd, .tls = use_tls };
        flags = fcntl(fd, F_GETFL);
        if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
                return log_error_errno(-errno, "Could not use a socket to listen on: %m");
        return use_tls ? 0 : check_plaintext(fd, s);
}

/* --- Sockets of systemd's --- */

static int take_socket(ListenSockets *l, int fd, const char *name, const HttpSettings *s) {
        bool use_tls = s->tls_cert && strcmp(name, NAME_PLAINTEXT) != 0;

        if (sd_is_socket(fd, AF_UNSPEC, SOCK_STREAM, true) <= 0) {
                log_error("systemd passed \"%s\", which is not a listening stream socket.", name);
                (void) close(fd);
                return -EINVAL;
        }
        if (!use_tls && strcmp(name, NAME_TLS) == 0) {
                log_error("systemd passed a socket for HTTPS, but there is no certificate: --tls-cert and --tls-key.");
                (void) close(fd);
                return -EINVAL;
        }
        return add_socket(l, fd, use_tls, s);
}

static int take_from_systemd(ListenSockets *l, const HttpSettings *s) {
        char **names = NULL;
        int n, r = 0;

        n = sd_listen_fds_with_names(true, &names);
        if (n < 0)
                return log_error_errno(n, "Could not take sockets from systemd: %m");
        for (int i = 0; i < n; i++) {
                if (r >= 0 && strcmp(names[i], METRICS_SOCKET_NAME) != 0)
                        r = take_socket(l, SD_LISTEN_FDS_START + i, names[i], s);
                free(names[i]);
        }
        free(names);
        return r;
}

/* --- Our own --- */

static int open_socket(const char *text, int *ret) {
        struct sockaddr_storage ss;
        _cleanup_close_ int fd = -EBADF;
        socklen_t size;

        if (address_parse(text, &ss, &size) < 0)
                return -EINVAL;
        fd = socket(ss.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int) { 1 }, sizeof(int)) < 0 ||
            bind(fd, (const struct sockaddr *) &ss, size) < 0 || listen(fd, SOMAXCONN) < 0)
                return -errno;
        *ret = TAKE_FD(fd);
        return 0;
}

static int open_own(ListenSockets *l, const char *text, const HttpSettings *s) {
        char escaped[LOG_ESCAPED_MAX];
        int fd = -EBADF, r;

        r = open_socket(text, &fd);
        if (r == -EINVAL) {
                log_error("Cannot listen on \"%s\": say 192.0.2.1:443 or [2001:db8::1]:443.",
                          log_escape(text, strlen(text), escaped));
                return r;
        }
        if (r < 0)
                return log_error_errno(r, "Could not listen on %s: %m", text);
        return add_socket(l, fd, s->tls_cert != NULL, s);
}

int listen_sockets_open(const HttpSettings *s, ListenSockets *ret) {
        _cleanup_(listen_sockets_done) ListenSockets l = {};
        int r;

        r = take_from_systemd(&l, s);
        if (r < 0)
                return r;
        l.n_passed = l.n;
        for (unsigned i = 0; s->listen[i]; i++) {
                r = open_own(&l, s->listen[i], s);
                if (r < 0)
                        return r;
        }
        if (l.n == 0) {
                log_error("Nowhere to listen: no socket of systemd's, no --listen.");
                return -EINVAL;
        }
        *ret = TAKE_GENERIC(l, (ListenSockets) {});
        return 0;
}

void listen_sockets_tell(const ListenSockets *l) {
        char text[ADDRESS_TEXT_MAX];

        for (unsigned i = 0; i < l->n; i++) {
                describe(l->sockets[i].fd, text);
                log_info("Listening on %s://%s", l->sockets[i].tls ? "https" : "http", text);
        }
}
