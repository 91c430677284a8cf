/* SPDX-License-Identifier: MIT */
#pragma once

/* Where a daemon tells how it goes: a local socket of systemd's, named "metrics". Whoever connects gets the text of
 * OpenMetrics in an answer of HTTP, whatever he asked: nothing is parsed. */
#include <systemd/sd-event.h>

#include "protocol/openmetrics.h"

#define METRICS_SOCKET_NAME "metrics"      /* FileDescriptorName= */
#define METRICS_CONNECTIONS_MAX 8U
#define METRICS_USEC (2ULL * 1000 * 1000)  /* for one of them, from its beginning to its end */
#define METRICS_ACCEPT_USEC (1000ULL * 1000) /* in that time */
#define METRICS_ACCEPT_BURST 20U           /* so many attempts to accept one */
#define METRICS_REQUEST_MAX 8192U          /* bytes that are read, and forgotten */

/* Writes all families; the end is written for it. */
typedef void (*MetricsFill)(Metrics *m, void *userdata);

typedef struct MetricsSocket MetricsSocket;

/* Takes that socket out of those that systemd passed, if it is among them (else *ret is NULL): before whoever looks at
 * the others, and leaves this one alone. */
int metrics_socket_take(sd_event *event, MetricsFill fill, void *userdata, MetricsSocket **ret);
MetricsSocket *metrics_socket_free(MetricsSocket *s);
DEFINE_TRIVIAL_CLEANUP_FUNC(MetricsSocket *, metrics_socket_free)
