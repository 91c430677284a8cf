/* SPDX-License-Identifier: MIT */
#pragma once

/* RFC 8555 from below: directory, nonces, signed requests, problems as failures, accounts. */
#include "enroll/account.h"
#include "enroll/https.h"
#include "protocol/acme-messages.h"

#define ACME_NONCE_TRIES_MAX 20U     /* requests that a server answers with badNonce, one after the other */
#define ACME_POLL_SECONDS_MAX 10     /* between two looks, if the server does not say */
#define ACME_CONTENT_TYPE "application/jose+json" /* exactly: step-ca takes no parameters */

typedef struct AcmeClient {
        Https *https;        /* borrowed */
        const char *state_dir;
        char *directory_url;
        AcmeDirectory directory;
        Account account;
        char *nonce;         /* NULL: the next has to be asked for */
} AcmeClient;

/* base_url: of the provisioner; BASE/directory is tried first, then BASE itself. */
int acme_client_open(Https *h, const char *state_dir, const char *base_url, AcmeClient *ret, Failure *f);
void acme_client_done(AcmeClient *c);
#define _cleanup_acme_client_ _cleanup_(acme_client_done)

/* External account binding (RFC 8555 §7.3.4); kid NULL: none. */
typedef struct AcmeBinding {
        const char *kid;
        ByteView key;
} AcmeBinding;

/* The recorded account, or a new one. */
int acme_client_account(AcmeClient *c, const AcmeBinding *binding, Failure *f);
/* The server has forgotten the account: a new one, with a new key. */
int acme_client_account_anew(AcmeClient *c, const AcmeBinding *binding, Failure *f);

/* A signed request: what ("the order") is for texts. An empty payload is a POST-as-GET. Any status but 2xx is a
 * failure with the server's words: -ESTALE the account is gone, -EREMOTEIO else. */
typedef struct AcmeRequest {
        const char *what, *url;
        ByteView payload;
        const char *accept;  /* NULL: anything */
        bool with_jwk;       /* signed as the key, not as the account */
} AcmeRequest;

int acme_client_post(AcmeClient *c, const AcmeRequest *request, HttpsReply *ret, Failure *f);

/* For parsers that say no: error is theirs. */
int acme_client_bad_answer(const AcmeClient *c, const char *what, int error, Failure *f);
/* A problem inside an answer becomes a failure. */
int acme_client_problem(const AcmeClient *c, const char *what, const AcmeProblem *p, Failure *f);
/* Sleeps as long as Retry-After says, or longer with each attempt. */
void acme_client_wait(const HttpsReply *reply, unsigned attempt);
