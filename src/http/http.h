/* SPDX-License-Identifier: MIT */
#pragma once

/* HTTP server: libmicrohttpd in an sd-event loop. A request reaches its route's handler whole and within the
 * limits; the handler answers at once or later, once, always. */
#include <gnutls/abstract.h>
#include <microhttpd.h>
#include <systemd/sd-event.h>

#include "http/handler.h"
#include "http/http-limits.h"

typedef struct HttpServer HttpServer;

/* routes: ends with a row without path; must live, as limits must. */
int http_server_new(sd_event *event, const HttpRoute *routes, const HttpLimits *limits, void *userdata, HttpServer **ret);
/* No request may be waiting for its answer any more. */
HttpServer *http_server_free(HttpServer *s);
DEFINE_TRIVIAL_CLEANUP_FUNC(HttpServer *, http_server_free)

/* Connections there are, and that there have been. */
unsigned http_server_connections(const HttpServer *s, uint64_t *ret_ever);

#define HTTP_STATUS_MIN 100U
#define HTTP_STATUS_MAX 599U

typedef struct HttpCounters {
        uint64_t answers[HTTP_STATUS_MAX - HTTP_STATUS_MIN + 1];
        uint64_t refused; /* connections */
} HttpCounters;

const HttpCounters *http_server_counters(const HttpServer *s);

/* Takes a listening socket, in any case. n_listeners: how many there will be, to share the connections.
 * certificate: NULL for plaintext. */
int http_server_listen(HttpServer *s, int fd, gnutls_certificate_retrieve_function2 *certificate,
                       unsigned n_listeners);
