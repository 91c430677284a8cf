/* SPDX-License-Identifier: MIT */
#pragma once

/* One HTTP request after the other: blocking, https only (http to this machine itself where allowed), no
 * redirects, no proxy, TLS roots from memory, every size and time bounded. */
#include "enroll/failure.h"

#define HTTPS_BODY_MAX (256U * 1024)     /* bytes of an answer */
#define HTTPS_HEADER_TEXT_MAX 2048U      /* bytes of one header's value that is kept */
#define HTTPS_CONNECT_SECONDS 5U
#define HTTPS_REQUEST_SECONDS 15U        /* or what is left of the job's deadline */

typedef struct Https Https;

/* Roots: the system's, *.pem in ca_dir, and pem, which may be empty. */
int https_new(const char *ca_dir, ByteView pem, Https **ret, Failure *f);
Https *https_free(Https *h);
DEFINE_TRIVIAL_CLEANUP_FUNC(Https *, https_free);

typedef struct HttpsRequest {
        const char *method;       /* "GET", "HEAD", "POST" */
        const char *url;
        const char *content_type; /* of the body */
        const char *accept;       /* NULL: anything */
        ByteView body;
        bool loopback;            /* http is good enough if the host is this machine */
} HttpsRequest;

typedef struct HttpsReply {
        unsigned status;
        Bytes body;
        char *content_type, *location, *replay_nonce, *retry_after; /* NULL: not there */
} HttpsReply;

void https_reply_done(HttpsReply *r);
#define _cleanup_https_reply_ _cleanup_(https_reply_done)

/* Any status is a success. */
int https_request(Https *h, const HttpsRequest *request, HttpsReply *ret, Failure *f);

/* "https://host:port", for texts. */
#define HTTPS_ORIGIN_MAX 300U
const char *https_origin(const char *url, char ret[static HTTPS_ORIGIN_MAX]);
/* Is it https, or http to this machine itself? */
bool https_url_is_loopback(const char *url);
