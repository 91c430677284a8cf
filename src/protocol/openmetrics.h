/* SPDX-License-Identifier: MIT */
#pragma once

/* Text of OpenMetrics 1.0: families of counters and gauges, each sample with one label at most. */
#include "shared/bytes.h"

#define OPENMETRICS_MAX (16U * 1024) /* bytes of a whole exposition */
#define OPENMETRICS_CONTENT_TYPE "application/openmetrics-text; version=1.0.0; charset=utf-8"

typedef struct Metrics {
        ByteWriter w; /* failed: does not fit */
} Metrics;

/* The lines before a family's samples. name without "_total". */
void metrics_counter(Metrics *m, const char *name, const char *help);
void metrics_gauge(Metrics *m, const char *name, const char *help);
/* A sample of a family: name as there. label NULL: none; value: any text. */
void metrics_count(Metrics *m, const char *name, const char *label, const char *value, uint64_t n);
void metrics_value(Metrics *m, const char *name, const char *label, const char *value, int64_t n);
/* A family with one sample. */
void metrics_one_count(Metrics *m, const char *name, const char *help, uint64_t n);
void metrics_one_value(Metrics *m, const char *name, const char *help, int64_t n);
/* "# EOF": the last line. */
void metrics_end(Metrics *m);
