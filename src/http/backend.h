/* SPDX-License-Identifier: MIT */
#pragma once

/* The connection to atteztd: many questions under way, each answered, late or failed, exactly once. */
#include <systemd/sd-event.h>

#include "protocol/front-wire.h"

#define BACKEND_QUESTIONS_MAX 512U                  /* under way */
#define BACKEND_REPLY_USEC (8ULL * 1000 * 1000)     /* for each; step's clients wait for 10 s */
#define BACKEND_RETRY_USEC_MIN (100ULL * 1000)      /* between attempts to connect */
#define BACKEND_RETRY_USEC_MAX (1000ULL * 1000)

typedef struct Backend Backend;

/* reply: NULL with error -ETIMEDOUT or -ECONNRESET. Called from the loop, never from inside backend_ask(). */
typedef void (*BackendReply)(const FrontMessage *reply, int error, void *userdata);

typedef struct BackendCallbacks {
        void (*changed)(void *userdata);  /* FRONT_CHANGED, or a new connection, which may have missed one */
        void (*lost)(void *userdata);     /* an inherited connection is gone for good */
} BackendCallbacks;

/* Connects to path now and whenever it has lost the connection; fails only for what trying again cannot mend. */
int backend_new_path(sd_event *event, const char *path, const BackendCallbacks *cb, void *userdata, Backend **ret);
/* Uses an inherited connection, fd taken in any case. */
int backend_new_fd(sd_event *event, int fd, const BackendCallbacks *cb, void *userdata, Backend **ret);
/* Everything under way fails, now; from here on backend_ask() says -ENOTCONN. */
void backend_stop(Backend *b);
Backend *backend_free(Backend *b); /* stops it first */
DEFINE_TRIVIAL_CLEANUP_FUNC(Backend *, backend_free)

/* Sets m->id. -ENOTCONN, -ENOBUFS when too many are under way. */
int backend_ask(Backend *b, FrontMessage *m, BackendReply reply, void *userdata);
