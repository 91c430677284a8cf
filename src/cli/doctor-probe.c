/* SPDX-License-Identifier: MIT */
#include "cli/doctor-probe.h"

#include <netdb.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <gnutls/x509.h>

#include "protocol/http-head.h"
#include "protocol/url.h"
#include "shared/ca-roots.h"
#include "shared/files.h"

#define ROOTS_MAX (16U * 1024 * 1024) /* bytes of all roots */
#define HEAD_MAX 8192U
#define RECORDS_MAX 8U /* without data, before an answer */

typedef struct Connection {
        int fd;
        gnutls_session_t session; /* NULL: plain HTTP */
        gnutls_certificate_credentials_t credentials;
} Connection;

static void connection_done(Connection *c) {
        if (c->session)
                gnutls_deinit(c->session);
        if (c->credentials)
                gnutls_certificate_free_credentials(c->credentials);
        if (c->fd >= 0)
                (void) close(c->fd);
}

static int stop(Probe *p, ProbeStage at, const char *format, ...) __attribute__((format(printf, 3, 4)));
static int stop(Probe *p, ProbeStage at, const char *format, ...) {
        va_list ap;

        p->reached = at;
        va_start(ap, format);
        (void) vsnprintf(p->text, sizeof(p->text), format, ap);
        va_end(ap);
        return -EIO;
}

/* --- Name and connection --- */

static void addresses_done(struct addrinfo **a) {
        if (*a)
                freeaddrinfo(*a);
}

static int connect_to(const struct addrinfo *a) {
        const struct timeval limit = { .tv_sec = PROBE_STEP_SECONDS };

        _cleanup_close_ int fd = socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC, a->ai_protocol);
        if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) < 0 ||
            setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) < 0 ||
            connect(fd, a->ai_addr, a->ai_addrlen) < 0)
                return errno == EINPROGRESS || errno == EAGAIN ? -ETIMEDOUT : -errno;
        return TAKE_FD(fd);
}

static int reach(const UrlParts *u, ProbeStage until, Connection *c, Probe *p) {
        const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
        _cleanup_(addresses_done) struct addrinfo *list = NULL;
        char port[8];
        int r = -ENETUNREACH;

        (void) snprintf(port, sizeof(port), "%u", u->port);
        int e = getaddrinfo(u->host, port, &hints, &list);
        if (e != 0)
                return stop(p, PROBE_NAME, "%s", e == EAI_SYSTEM ? strerror(errno) : gai_strerror(e));
        if (until == PROBE_NAME)
                return stop(p, until, "%s", "");
        for (const struct addrinfo *a = list; a && (r = connect_to(a)) < 0;)
                a = a->ai_next;
        if (r < 0)
                return stop(p, PROBE_CONNECTION, "%s", strerror(-r));
        c->fd = r;
        return until == PROBE_CONNECTION ? stop(p, until, "%s", "") : 0;
}

/* --- TLS --- */

static int load_roots(gnutls_certificate_credentials_t credentials, const ProbeRequest *request) {
        _cleanup_bytes_ Bytes pem = BYTES_NULL;
        int fd = -EBADF;

        int r = ca_roots_open(request->ca_dir, request->ca_pem, NULL, NULL, &fd);
        if (r < 0)
                return r;
        _cleanup_close_ int roots = fd;
        if (lseek(roots, 0, SEEK_SET) < 0)
                return -errno;
        r = fd_read(roots, ROOTS_MAX, &pem);
        if (r < 0)
                return r;
        const gnutls_datum_t d = { .data = pem.data, .size = (unsigned) pem.size };
        return pem.size == 0 || gnutls_certificate_set_x509_trust_mem(credentials, &d, GNUTLS_X509_FMT_PEM) >= 0 ?
                       0 : -EBADMSG;
}

static int tell_verification(Connection *c, Probe *p) {
        unsigned status = gnutls_session_get_verify_cert_status(c->session);
        gnutls_datum_t text = {};

        p->wrong_time = status & (GNUTLS_CERT_EXPIRED | GNUTLS_CERT_NOT_ACTIVATED);
        p->wrong_name = status & GNUTLS_CERT_UNEXPECTED_OWNER;
        p->unknown_issuer = status & GNUTLS_CERT_SIGNER_NOT_FOUND;
        if (gnutls_certificate_verification_status_print(status, GNUTLS_CRT_X509, &text, 0) < 0)
                return stop(p, PROBE_TLS, "its certificate is not trusted");
        (void) stop(p, PROBE_TLS, "%s", text.data);
        gnutls_free(text.data);
        return -EIO;
}

static int set_up_tls(Connection *c, const char *host, const ProbeRequest *request) {
        if (gnutls_certificate_allocate_credentials(&c->credentials) < 0 ||
            gnutls_init(&c->session, GNUTLS_CLIENT) < 0 || gnutls_set_default_priority(c->session) < 0 ||
            gnutls_credentials_set(c->session, GNUTLS_CRD_CERTIFICATE, c->credentials) < 0)
                return -ENOMEM;
        if (request->verify) {
                int r = load_roots(c->credentials, request);
                if (r < 0)
                        return r;
                gnutls_session_set_verify_cert(c->session, host, 0);
        }
        /* An address is no server name: RFC 6066, section 3. */
        if (strspn(host, "0123456789.") != strlen(host) && !strchr(host, ':'))
                (void) gnutls_server_name_set(c->session, GNUTLS_NAME_DNS, host, strlen(host));
        gnutls_transport_set_int(c->session, c->fd);
        gnutls_handshake_set_timeout(c->session, PROBE_STEP_SECONDS * 1000);
        return 0;
}

static int secure(Connection *c, const UrlParts *u, const ProbeRequest *request, Probe *p) {
        if (u->https) {
                int r = set_up_tls(c, u->host, request);
                if (r < 0)
                        return stop(p, PROBE_TLS, "the roots could not be read: %s", strerror(-r));
                do
                        r = gnutls_handshake(c->session);
                while (r < 0 && !gnutls_error_is_fatal(r) && r != GNUTLS_E_AGAIN);
                if (r == GNUTLS_E_CERTIFICATE_VERIFICATION_ERROR)
                        return tell_verification(c, p);
                if (r < 0)
                        return stop(p, PROBE_TLS, "%s", gnutls_strerror(r));
        }
        return request->until == PROBE_TLS ? stop(p, PROBE_TLS, "%s", "") : 0;
}

/* --- An answer --- */

static ssize_t put(Connection *c, const char *data, size_t n) {
        return c->session ? gnutls_record_send(c->session, data, n) : send(c->fd, data, n, MSG_NOSIGNAL);
}

/* Tickets of TLS 1.3 come first, and are no data. */
static ssize_t get(Connection *c, uint8_t *data, size_t n) {
        ssize_t r;

        if (!c->session)
                return recv(c->fd, data, n, 0);
        for (unsigned i = 0; i < RECORDS_MAX; i++) {
                r = gnutls_record_recv(c->session, data, n);
                if (r >= 0 || gnutls_error_is_fatal((int) r))
                        return r;
        }
        return r;
}

static int ask(Connection *c, const UrlParts *u, Probe *p) {
        uint8_t buffer[HEAD_MAX];
        char request[URL_MAX + URL_HOST_MAX + 128];
        HttpHead head;
        size_t n = 0;
        int r;

        int length = snprintf(request, sizeof(request),
                              "GET %s HTTP/1.1\r\nHost: %s%s%s:%u\r\nUser-Agent: attezt/" ATTEZT_VERSION
                              "\r\nAccept: */*\r\nConnection: close\r\n\r\n",
                              *u->path ? u->path : "/", u->bracketed ? "[" : "", u->host,
                              u->bracketed ? "]" : "", u->port);
        if (length < 0 || (size_t) length >= sizeof(request) || put(c, request, (size_t) length) != length)
                return stop(p, PROBE_ANSWER, "the request could not be sent");
        do {
                ssize_t k = n < sizeof(buffer) ? get(c, buffer + n, sizeof(buffer) - n) : 0;
                if (k <= 0)
                        return stop(p, PROBE_ANSWER, "there is no answer of HTTP");
                n += (size_t) k;
                r = http_head_parse(VIEW(buffer, n), &head);
        } while (r == -EAGAIN);
        if (r < 0)
                return stop(p, PROBE_ANSWER, "the answer is not HTTP");
        p->reached = PROBE_DONE;
        p->status = head.status;
        p->date = head.date;
        return 0;
}

void probe(const ProbeRequest *request, Probe *ret) {
        _cleanup_(connection_done) Connection c = { .fd = -EBADF };
        UrlParts u;

        *ret = (Probe) {};
        if (url_parse(request->url, &u) < 0)
                (void) stop(ret, PROBE_NAME, "not a URL");
        else if (reach(&u, request->until, &c, ret) >= 0 && secure(&c, &u, request, ret) >= 0)
                (void) ask(&c, &u, ret);
}
