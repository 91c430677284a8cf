/* SPDX-License-Identifier: MIT */
#include "http/http-metrics.h"

#include <stdio.h>

static void put_answers(Metrics *m, const HttpCounters *c) {
        char text[8];

        metrics_counter(m, "attezt_http_answers", "Answers by their status.");
        for (unsigned i = 0; i < ELEMENTSOF(c->answers); i++)
                if (c->answers[i] > 0) {
                        (void) snprintf(text, sizeof(text), "%u", i + HTTP_STATUS_MIN);
                        metrics_count(m, "attezt_http_answers", "status", text, c->answers[i]);
                }
}

static void put_limited(Metrics *m, const Fairness *f) {
        static const char *const limits[_FAIRNESS_LIMIT_MAX] = {
                [FAIRNESS_REFUSALS] = "refusals",
                [FAIRNESS_UNANSWERED] = "unanswered",
                [FAIRNESS_DEVICE] = "device",
        };

        metrics_counter(m, "attezt_http_limited_requests", "Requests that were told to wait, by the limit.");
        for (size_t i = 0; i < _FAIRNESS_LIMIT_MAX; i++)
                metrics_count(m, "attezt_http_limited_requests", "limit", limits[i], f->limited[i]);
}

void http_metrics(Metrics *m, void *userdata) {
        const HttpMetrics *h = userdata;
        const HttpCounters *c = http_server_counters(h->server);
        uint64_t ever;

        put_answers(m, c);
        metrics_one_value(m, "attezt_http_open_connections", "Clients that are connected.",
                          (int64_t) http_server_connections(h->server, &ever));
        metrics_one_count(m, "attezt_http_connections", "Clients that have connected.", ever);
        metrics_one_count(m, "attezt_http_refused_connections", "Clients that were one too many of their address.",
                          c->refused);
        put_limited(m, &h->front->fairness);
        metrics_one_value(m, "attezt_http_ek_roots", "Roots that EK certificates are checked with.",
                          (int64_t) ek_trust_count(h->front->files.trust));
}
