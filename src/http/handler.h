/* SPDX-License-Identifier: MIT */
#pragma once

/* A request, whole and within the limits, and its answer, as a route's handler sees them. */
#include "http/shared-text.h"

#define HTTP_BODY_IGNORED_MAX (16U * 1024 * 1024)  /* of a body that is too large: then the connection goes */
#define HTTP_ANSWER_USEC (5ULL * 1000 * 1000)      /* to read a late answer, at least */
#define HTTP_RETRY_AFTER_SEC 5U                    /* what a 503 says */
#define HTTP_FORWARDED_MAX 2048U                   /* bytes of what proxies say about the client; the last ones count */
#define HTTP_PEER_MAX 64U                          /* text of an address, with NUL */

typedef struct HttpRequest HttpRequest;

typedef void (*HttpHandler)(HttpRequest *r, void *userdata);

typedef struct HttpRoute {
        const char *path;
        const char *method; /* POST, or GET, which stands for HEAD too */
        HttpHandler handler;
} HttpRoute;

void *http_request_userdata(const HttpRequest *r); /* the server's */
ByteView http_request_body(const HttpRequest *r);
const char *http_request_header(const HttpRequest *r, const char *name); /* NULL: not there; borrowed */
struct gnutls_session_int *http_request_tls(const HttpRequest *r);       /* NULL: it came in the clear */
/* It came in the clear, from a trusted proxy on this machine: nobody else saw it on its way. */
bool http_request_is_of_local_proxy(const HttpRequest *r);
/* Who asks: "192.0.2.1:4711", "[2001:db8::1]:4711", "unix"; without a port when a trusted proxy tells it. */
const char *http_request_peer(const HttpRequest *r);
/* The bytes that stand for whoever controls that address: IPv4 all, IPv6 the /64; none when it is this machine. */
ByteView http_request_source(const HttpRequest *r);
uint64_t http_request_now(const HttpRequest *r); /* CLOCK_BOOTTIME, of this turn of the loop */

/* Goes into the answer: when to ask again. Before that; a 503 has a time anyway. */
void http_retry_after(HttpRequest *r, uint64_t seconds);

/* Exactly one of these for each request; r is not to be used afterwards. body is taken. */
void http_reply(HttpRequest *r, unsigned status, const char *content_type, Bytes body);
/* Several answers may hand out the same text: text is not taken. */
void http_reply_shared(HttpRequest *r, unsigned status, const char *content_type, SharedText *text);
void http_reply_json(HttpRequest *r, unsigned status, Bytes body);
void http_reply_error(HttpRequest *r, unsigned status, const char *error, const char *detail);
