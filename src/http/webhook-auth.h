/* SPDX-License-Identifier: MIT */
#pragma once

/* Who may ask the webhook: whoever signs with one of the secrets, or has a client certificate of that name from one of
 * those roots. Both from files, read again with the others. */
#include <gnutls/x509.h>

#include "http/http-settings.h"
#include "protocol/webhook.h"

#define WEBHOOK_ROOTS_FILE_MAX (64U * 1024)  /* bytes of PEM */
#define WEBHOOK_CLIENT_CHAIN_MAX 10U         /* certificates that a client may send */

typedef struct WebhookAuth {
        const HttpSettings *settings;
        WebhookSecrets secrets;
        gnutls_x509_trust_list_t roots; /* NULL: no client certificates */
} WebhookAuth;

typedef enum WebhookCaller {
        WEBHOOK_CALLER_UNKNOWN,
        WEBHOOK_CALLER_SECRET,
        WEBHOOK_CALLER_CERTIFICATE,
} WebhookCaller;

/* Is there a webhook, by the settings? */
bool webhook_configured(const WebhookAuth *a);
/* Tells what cannot be used; nobody is let in by what is not there. What was read before stays when it cannot be read
 * now. */
void webhook_auth_load(WebhookAuth *a);
void webhook_auth_done(WebhookAuth *a);

/* session: of the request's TLS connection; NULL: it has none, and only a signature counts. signature: a header, or NULL. */
WebhookCaller webhook_auth_check(const WebhookAuth *a, gnutls_session_t session, ByteView body, const char *signature);
