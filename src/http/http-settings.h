/* SPDX-License-Identifier: MIT */
#pragma once

/* What attezt-http is told: the command line, then [HTTP] of atteztd.conf for what that left open, then
 * defaults. */
#include "http/http-limits.h"
#include "protocol/ek-policy.h"

#define HTTP_LISTEN_MAX 8U
#define HTTP_EK_ROOTS_MAX 8U
#define HTTP_EK_ROOTS_OURS 2U /* beside those: what "attezt ca trust" keeps, and virtual TPMs' */

/* Lists are NULL-terminated. A list of the command line replaces the one of the files. */
typedef struct HttpSettings {
        char *listen[HTTP_LISTEN_MAX + 1];
        char *tls_cert, *tls_key; /* both or neither */
        char *ek_roots[HTTP_EK_ROOTS_MAX + HTTP_EK_ROOTS_OURS + 1];
        EkPolicy policy;
        HttpLimits limits;
        char *public_dir;
        char *webhook_secret;                             /* file; NULL: none */
        char *webhook_client_roots, *webhook_client_name; /* both or neither */
        char *backend;
        int backend_fd; /* -1: connect to backend */
        int64_t idle_sec; /* -1: not said; 0: never */
        bool allow_plaintext;
        bool check_settings; /* load them, which tells what is wrong, end */
        bool verbose;
} HttpSettings;

#define HTTP_SETTINGS_NULL (HttpSettings) { .backend_fd = -1, .idle_sec = -1 }

void http_settings_done(HttpSettings *s);

/* Tells what is wrong. 0; 1 when --help or --version was all; -EINVAL wrong usage, or another error. */
int http_settings_load(HttpSettings *s, int argc, char **argv);
