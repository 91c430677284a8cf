/* SPDX-License-Identifier: MIT */
#include "protocol/openmetrics.h"

#include <inttypes.h>
#include <stdio.h>

#define NUMBER_MAX 24U

static void put(Metrics *m, const char *text) {
        write_bytes(&m->w, text, strlen(text));
}

/* What ends a label's value, or a line, early. */
static void put_escaped(Metrics *m, const char *text) {
        for (; *text; text++)
                if (*text == '\n')
                        put(m, "\\n");
                else {
                        if (*text == '\\' || *text == '"')
                                put(m, "\\");
                        write_u8(&m->w, (uint8_t) *text);
                }
}

static void begin(Metrics *m, const char *name, const char *type, const char *help) {
        put(m, "# TYPE ");
        put(m, name);
        put(m, type);
        put(m, "# HELP ");
        put(m, name);
        put(m, " ");
        put_escaped(m, help);
        put(m, "\n");
}

void metrics_counter(Metrics *m, const char *name, const char *help) {
        begin(m, name, " counter\n", help);
}

void metrics_gauge(Metrics *m, const char *name, const char *help) {
        begin(m, name, " gauge\n", help);
}

static void put_label(Metrics *m, const char *label, const char *value) {
        if (!label)
                return;
        put(m, "{");
        put(m, label);
        put(m, "=\"");
        put_escaped(m, value);
        put(m, "\"}");
}

void metrics_count(Metrics *m, const char *name, const char *label, const char *value, uint64_t n) {
        char number[NUMBER_MAX];

        put(m, name);
        put(m, "_total");
        put_label(m, label, value);
        (void) snprintf(number, sizeof(number), " %" PRIu64 "\n", n);
        put(m, number);
}

void metrics_value(Metrics *m, const char *name, const char *label, const char *value, int64_t n) {
        char number[NUMBER_MAX];

        put(m, name);
        put_label(m, label, value);
        (void) snprintf(number, sizeof(number), " %" PRId64 "\n", n);
        put(m, number);
}

void metrics_one_count(Metrics *m, const char *name, const char *help, uint64_t n) {
        metrics_counter(m, name, help);
        metrics_count(m, name, NULL, NULL, n);
}

void metrics_one_value(Metrics *m, const char *name, const char *help, int64_t n) {
        metrics_gauge(m, name, help);
        metrics_value(m, name, NULL, NULL, n);
}

void metrics_end(Metrics *m) {
        put(m, "# EOF\n");
}
