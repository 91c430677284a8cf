/* SPDX-License-Identifier: MIT */
#pragma once

/* A request, whole and within the limits, and its answer, as a route's handler sees them. */
#include "shared/bytes.h"

#define HTTP_BODY_MAX (64U * 1024)                 /* bytes, counted while they come in */
#define HTTP_BODY_IGNORED_MAX (16U * 1024 * 1024)  /* of a body that is too large: then the connection goes */
#define HTTP_REQUEST_USEC (10ULL * 1000 * 1000)    /* a request and its answer, from the first byte to the last */
#define HTTP_ANSWER_USEC (5ULL * 1000 * 1000)      /* to read a late answer, at least */
#define HTTP_RETRY_AFTER_SEC 5U                    /* what a 503 says */
#define HTTP_PEER_MAX 64U                          /* text of an address, with NUL */

typedef struct HttpRequest HttpRequest;

typedef void (*HttpHandler)(HttpRequest *r, void *userdata);

typedef struct HttpRoute {
        const char *path;
        const char *method; /* POST, or GET, which stands for HEAD too */
        HttpHandler handler;
} HttpRoute;

ByteView http_request_body(const HttpRequest *r);
const char *http_request_header(const HttpRequest *r, const char *name); /* NULL: not there; borrowed */
struct gnutls_session_int *http_request_tls(const HttpRequest *r);       /* NULL: it came in the clear */
const char *http_request_peer(const HttpRequest *r); /* "192.0.2.1:4711", "[2001:db8::1]:4711", "unix" */

/* Exactly one of these for each request; r is not to be used afterwards. body is taken. */
void http_reply(HttpRequest *r, unsigned status, const char *content_type, Bytes body);
void http_reply_json(HttpRequest *r, unsigned status, Bytes body);
/* With Retry-After: seconds; a 503 has one anyway. */
void http_reply_later(HttpRequest *r, unsigned status, unsigned seconds, const char *error, const char *detail);
void http_reply_error(HttpRequest *r, unsigned status, const char *error, const char *detail);
