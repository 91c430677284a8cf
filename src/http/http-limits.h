/* SPDX-License-Identifier: MIT */
#pragma once

/* What a client may cost: sizes, times, connections, rates, and whose word about the client's address counts. */
#include "protocol/client-address.h"
#include "protocol/rate-limit.h"

#define HTTP_CONNECTIONS_DEFAULT 256U            /* all listeners together */
#define HTTP_CONNECTIONS_MAX 768U                /* that can be asked for: a process has 1024 descriptors */
#define HTTP_CONNECTIONS_PER_SOURCE_DEFAULT 32U  /* per IPv4 address or IPv6 /64; not for loopback and proxies */
#define HTTP_HEADER_DEFAULT (16U * 1024)         /* request line and headers fit in here, or 414 or 431 */
#define HTTP_HEADER_SIZE_MIN 4096U
#define HTTP_HEADER_MAX (64U * 1024)
#define HTTP_BODY_MAX (64U * 1024)               /* bytes, counted while they come in */
#define HTTP_BODY_SIZE_MIN 8192U
#define HTTP_HANDSHAKE_SECONDS 5U                /* until the first request line */
#define HTTP_REQUEST_SECONDS 10U                 /* a request and its answer, from the first byte to the last */
#define HTTP_IDLE_SEC 30U                        /* between two requests of a connection */
#define HTTP_PENDING_RETRY_SEC 30U               /* a device that waits for approval asks again after as long */
#define HTTP_TIMEOUT_SECONDS_MAX 3600            /* any of these */

typedef struct HttpLimits {
        unsigned connections, per_source;
        size_t header_size, body_size;
        int64_t handshake_sec, request_sec, idle_sec, pending_retry_sec;
        Rate refusals;   /* per source */
        Rate unanswered; /* challenges without a proof, per source */
        Rate device;     /* proofs, per EK and source */
        TrustedProxies proxies;
        ForwardedHeader forwarded_header;
} HttpLimits;

void http_limits_default(HttpLimits *ret);
/* One setting, by the name it has in atteztd.conf. -ENOENT: not one of these; -EINVAL, -ERANGE, -E2BIG: its value. */
int http_limits_set(HttpLimits *l, const char *key, const char *value);
