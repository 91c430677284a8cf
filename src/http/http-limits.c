/* SPDX-License-Identifier: MIT */
#include "http/http-limits.h"

#include "protocol/settings.h"

#define USEC_PER_SEC 1000000ULL

/* Thirty mistakes a minute; as many devices as two thousand behind one address that all begin at once; and a device that
 * tries and tries, which needs a proof twice a day. */
#define RATE_REFUSALS ((Rate) { .burst = 30, .period = 60 * USEC_PER_SEC })
#define RATE_UNANSWERED ((Rate) { .burst = 2048, .period = 120 * USEC_PER_SEC })
#define RATE_DEVICE ((Rate) { .burst = 20, .period = 3600 * USEC_PER_SEC })

void http_limits_default(HttpLimits *ret) {
        *ret = (HttpLimits) {
                .connections = HTTP_CONNECTIONS_DEFAULT,
                .per_source = HTTP_CONNECTIONS_PER_SOURCE_DEFAULT,
                .header_size = HTTP_HEADER_DEFAULT,
                .body_size = HTTP_BODY_MAX,
                .handshake_sec = HTTP_HANDSHAKE_SECONDS,
                .request_sec = HTTP_REQUEST_SECONDS,
                .idle_sec = HTTP_IDLE_SEC,
                .pending_retry_sec = HTTP_PENDING_RETRY_SEC,
                .refusals = RATE_REFUSALS,
                .unanswered = RATE_UNANSWERED,
                .device = RATE_DEVICE,
        };
}

static int set_count(unsigned *to, const char *value) {
        size_t n;

        int r = settings_parse_number(value, 1, HTTP_CONNECTIONS_MAX, &n);
        if (r >= 0)
                *to = (unsigned) n;
        return r;
}

static int set_seconds(int64_t *to, const char *value) {
        int64_t seconds;

        int r = settings_parse_duration(value, HTTP_TIMEOUT_SECONDS_MAX, &seconds);
        if (r < 0)
                return r;
        if (seconds == 0)
                return -ERANGE;
        *to = seconds;
        return 0;
}

int http_limits_set(HttpLimits *l, const char *key, const char *value) {
        if (strcmp(key, "MaxConnections") == 0)
                return set_count(&l->connections, value);
        if (strcmp(key, "MaxConnectionsPerSource") == 0)
                return set_count(&l->per_source, value);
        if (strcmp(key, "MaxHeaderSize") == 0)
                return settings_parse_number(value, HTTP_HEADER_SIZE_MIN, HTTP_HEADER_MAX, &l->header_size);
        if (strcmp(key, "MaxBodySize") == 0)
                return settings_parse_number(value, HTTP_BODY_SIZE_MIN, HTTP_BODY_MAX, &l->body_size);
        if (strcmp(key, "HandshakeTimeout") == 0)
                return set_seconds(&l->handshake_sec, value);
        if (strcmp(key, "RequestTimeout") == 0)
                return set_seconds(&l->request_sec, value);
        if (strcmp(key, "IdleTimeout") == 0)
                return set_seconds(&l->idle_sec, value);
        if (strcmp(key, "PendingRetry") == 0)
                return set_seconds(&l->pending_retry_sec, value);
        if (strcmp(key, "RefusalLimit") == 0)
                return rate_parse(value, &l->refusals);
        if (strcmp(key, "UnansweredLimit") == 0)
                return rate_parse(value, &l->unanswered);
        if (strcmp(key, "DeviceLimit") == 0)
                return rate_parse(value, &l->device);
        if (strcmp(key, "TrustedProxies") == 0)
                return trusted_proxies_add(&l->proxies, value);
        if (strcmp(key, "ForwardedHeader") == 0)
                return forwarded_header_parse(value, &l->forwarded_header);
        return -ENOENT;
}
