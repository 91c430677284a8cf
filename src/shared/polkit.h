/* SPDX-License-Identifier: MIT */
#pragma once

/* One question to polkit, org.freedesktop.PolicyKit1.Authority.CheckAuthorization(): may this sender do that?
 * Asynchronous; the answer comes once, later, from the loop. */
#include <stdbool.h>
#include <stdint.h>

#include <systemd/sd-bus.h>

#include "shared/cleanup.h"

/* How long a person may look at a password dialog, and how long polkitd may take without one. */
#define POLKIT_DIALOG_USEC (5ULL * 60 * 1000 * 1000)
#define POLKIT_ANSWER_USEC (25ULL * 1000 * 1000)

typedef enum PolkitAnswer {
        POLKIT_NO,
        POLKIT_YES,
        POLKIT_CHALLENGE,    /* no, but a person could have been asked */
        POLKIT_UNREACHABLE,  /* no polkitd, or it could not decide: a no with another text */
} PolkitAnswer;

typedef struct PolkitQuestion PolkitQuestion;

/* The question is over when this is called; it may be freed there. */
typedef void (*PolkitAnswered)(PolkitAnswer answer, void *userdata);

typedef struct PolkitSubject {
        const char *sender;         /* unique bus name */
        const char *action;
        const char *const *details; /* "key", "value", …, NULL; or NULL */
        bool interactive;           /* the caller allows polkit to ask a person */
        uint64_t id;                /* another for each question on this connection */
} PolkitSubject;

/* Everything in subject is borrowed until the call returns. */
int polkit_ask(sd_bus *bus, const PolkitSubject *subject, PolkitAnswered answered, void *userdata,
               PolkitQuestion **ret);
/* Withdraws a question that is not answered yet: a dialog goes away. */
PolkitQuestion *polkit_question_free(PolkitQuestion *q);
DEFINE_TRIVIAL_CLEANUP_FUNC(PolkitQuestion *, polkit_question_free);
