/* SPDX-License-Identifier: MIT */
#pragma once

/* HTTP server: libmicrohttpd in an sd-event loop. A request reaches its route's handler whole and within the
 * limits; the handler answers at once or later, once, always. */
#include <gnutls/abstract.h>
#include <microhttpd.h>
#include <systemd/sd-event.h>

#include "shared/bytes.h"

#define HTTP_BODY_MAX (64U * 1024)                 /* bytes, counted while they come in */
#define HTTP_BODY_IGNORED_MAX (16U * 1024 * 1024)  /* of a body that is too large: then the connection goes */
#define HTTP_CONNECTION_MEMORY (16U * 1024)        /* request line and headers fit in here, or 414 or 431 */
#define HTTP_CONNECTIONS_MAX 256U                  /* all listeners together */
#define HTTP_CONNECTIONS_PER_SOURCE_MAX 32U        /* per IPv4 address or IPv6 /64; not for loopback */
#define HTTP_REQUEST_USEC (10ULL * 1000 * 1000)    /* a request and its answer, from the first byte to the last */
#define HTTP_ANSWER_USEC (5ULL * 1000 * 1000)      /* to read a late answer, at least */
#define HTTP_IDLE_SEC 30U                          /* between two requests of a connection */
#define HTTP_RETRY_AFTER_SEC 5U                    /* what a 503 says */
#define HTTP_PEER_MAX 64U                          /* text of an address, with NUL */

typedef struct HttpServer HttpServer;
typedef struct HttpRequest HttpRequest;

typedef void (*HttpHandler)(HttpRequest *r, void *userdata);

typedef struct HttpRoute {
        const char *path;
        const char *method; /* POST, or GET, which stands for HEAD too */
        HttpHandler handler;
} HttpRoute;

/* routes: ends with a row without path; must live. */
int http_server_new(sd_event *event, const HttpRoute *routes, void *userdata, HttpServer **ret);
/* No request may be waiting for its answer any more. */
HttpServer *http_server_free(HttpServer *s);
DEFINE_TRIVIAL_CLEANUP_FUNC(HttpServer *, http_server_free)

/* Takes a listening socket, in any case. n_listeners: how many there will be, to share HTTP_CONNECTIONS_MAX.
 * certificate: NULL for plaintext. */
int http_server_listen(HttpServer *s, int fd, gnutls_certificate_retrieve_function2 *certificate,
                       unsigned n_listeners);

ByteView http_request_body(const HttpRequest *r);
const char *http_request_peer(const HttpRequest *r); /* "192.0.2.1:4711", "[2001:db8::1]:4711", "unix" */

/* Exactly one of these for each request; r is not to be used afterwards. body is taken. */
void http_reply(HttpRequest *r, unsigned status, const char *content_type, Bytes body);
void http_reply_json(HttpRequest *r, unsigned status, Bytes body);
void http_reply_error(HttpRequest *r, unsigned status, const char *error, const char *detail);
