/* SPDX-License-Identifier: MIT */
#pragma once

/* The way to the device key: a queue before attezt-tpm-signer, which is started by the first operation and may go
 * when it is idle. One operation is under way at a time, of each user one in turn (signer-queue.h). How many can wait
 * is for those to bound who submit. */
#include <systemd/sd-event.h>

#include "protocol/token-operation.h"

#define SIGNER_WAIT_SEC 30U       /* for its turn; then TOKEN_BUSY */
#define SIGNER_LIMIT_SEC 20U      /* for one operation, helper's start included; then TOKEN_TIMEOUT, and a new helper */

typedef struct SignerSettings {
        const char *socket_path; /* NULL: the default one if it is there, else a child of ours */
        const char *tcti;        /* these are for a child; NULL: its defaults */
        const char *state_dir;
        const char *program;     /* NULL: attezt-tpm-signer, beside this program or installed */
        uint64_t limit_usec;     /* 0: SIGNER_LIMIT_SEC */
        uint64_t wait_usec;      /* 0: SIGNER_WAIT_SEC */
} SignerSettings;

typedef struct Signer Signer;
typedef struct SignerRequest SignerRequest;

int signer_new(sd_event *event, const SignerSettings *settings, Signer **ret); /* settings are copied */
Signer *signer_free(Signer *s); /* calls no completion */

/* Called once, from the loop, never from inside signer_submit(); the request is gone when it returns. It may submit,
 * forget, and free the signer. */
typedef void (*SignerDone)(const TokenResult *result, void *userdata);
/* owner: the user whose turn it takes. -ENOMEM; -EINVAL: what token_operation_encode() does not take. */
int signer_submit(Signer *s, uid_t owner, const TokenOperation *o, SignerDone done, void *userdata,
                  SignerRequest **ret);
uint64_t signer_n_done(const Signer *s, TokenStatus status); /* since the start */
/* The asker is gone: no completion will be called, and r is not to be used any more. What is under way goes on. */
void signer_forget(SignerRequest *r);
