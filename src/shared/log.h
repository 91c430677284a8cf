/* SPDX-License-Identifier: MIT */
#pragma once

/* The journal of a program. Conductors log, libraries do not. When standard error is the journal's stream
 * (JOURNAL_STREAM), entries go there natively with their fields, else as lines to standard error. */
#include <errno.h>
#include <stdbool.h>
#include <syslog.h>

#include <systemd/sd-id128.h>

/* Longest text that log_escape() gives, its NUL included. */
#define LOG_ESCAPED_MAX 512U

void log_open(const char *identifier);        /* once, first thing in main(); the string must live */
void log_set_max_level(int level);            /* LOG_DEBUG … LOG_ERR; default LOG_INFO */
bool log_complained(void); /* a warning, or worse, was logged */

void log_full(int level, const char *format, ...) __attribute__((format(printf, 2, 3)));
#define log_debug(...) log_full(LOG_DEBUG, __VA_ARGS__)
#define log_info(...) log_full(LOG_INFO, __VA_ARGS__)
#define log_notice(...) log_full(LOG_NOTICE, __VA_ARGS__)
#define log_warning(...) log_full(LOG_WARNING, __VA_ARGS__)
#define log_error(...) log_full(LOG_ERR, __VA_ARGS__)

/* error is a negative errno; the format may use %m for it; returns error, so that a conductor can
 * "return log_error_errno(r, …)". */
int log_errno(int level, int error, const char *format, ...) __attribute__((format(printf, 3, 4)));
#define log_error_errno(error, ...) log_errno(LOG_ERR, (error), __VA_ARGS__)
#define log_warning_errno(error, ...) log_errno(LOG_WARNING, (error), __VA_ARGS__)

/* One event with a MESSAGE_ID and structured fields. fields is a NULL-terminated list of "NAME", "value"
 * pairs (a NULL value is left out). */
void log_event(int level, sd_id128_t id, const char *const *fields, const char *format, ...)
        __attribute__((format(printf, 4, 5)));

/* Strangers' text, made fit for a log, a terminal or a bus: printable ASCII stays, all else becomes \xNN,
 * cut (with "…" as three dots) to LOG_ESCAPED_MAX. Returns ret. */
const char *log_escape(const char *text, size_t n, char ret[static LOG_ESCAPED_MAX]);
