/* SPDX-License-Identifier: MIT */
#pragma once

/* What attezt-http tells on its metrics socket. */
#include "http/attest-routes.h"
#include "protocol/openmetrics.h"

typedef struct HttpMetrics {
        const HttpServer *server;
        const Front *front;
} HttpMetrics;

void http_metrics(Metrics *m, void *http_metrics);
