/* SPDX-License-Identifier: MIT */
#pragma once

/* How far one gets with a server: its name, a connection, TLS, an answer of HTTP. Blocking, with a limit. */
#include "shared/bytes.h"

#define PROBE_CONNECT_SECONDS 5
#define PROBE_SECONDS 10 /* for all of it */
#define PROBE_TEXT_MAX 320U

typedef enum ProbeStage {
        PROBE_NAME,
        PROBE_CONNECTION,
        PROBE_TLS,
        PROBE_ANSWER,
        PROBE_DONE,
} ProbeStage;

typedef struct ProbeRequest {
        const char *url;
        bool ask;           /* for an answer; else for no more than TLS */
        bool verify;        /* the server's certificate, by the roots of the system and: */
        const char *ca_dir; /* or NULL */
        ByteView ca_pem;
} ProbeRequest;

typedef struct Probe {
        ProbeStage failed; /* PROBE_DONE: nothing did */
        char text[PROBE_TEXT_MAX]; /* why */
        bool unknown_issuer, wrong_time, wrong_name; /* of the certificate */
        unsigned status; /* of HTTP */
        int64_t date;    /* of the answer; 0 without */
} Probe;

void probe(const ProbeRequest *request, Probe *ret);
