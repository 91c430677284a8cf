/* SPDX-License-Identifier: MIT */
#pragma once

/* step-ca's authorizing webhook: before it signs, it POSTs what it is about to sign, and wants to hear whether it
 * may. Of the request only attestationData.permanentIdentifier matters: the name that was ordered, as it was ordered.
 * What step-ca signs the body with is a secret that it shares with us (HMAC-SHA-256). */
#include "protocol/device-names.h"

#define WEBHOOK_DEPTH_MAX 16U              /* nested arrays and objects of a request */
#define WEBHOOK_SECRETS_MAX 8U             /* one for each ACME server, or an old one beside a new one */
#define WEBHOOK_SECRET_MIN 16U             /* bytes, decoded */
#define WEBHOOK_SECRET_MAX 256U
#define WEBHOOK_SECRETS_FILE_MAX (16U * 1024)
#define WEBHOOK_SIGNATURE_TEXT 64U         /* hexadecimal digits */

typedef struct WebhookSecrets {
        Bytes list[WEBHOOK_SECRETS_MAX];
        unsigned n;
} WebhookSecrets;

void webhook_secrets_done(WebhookSecrets *s); /* wipes them */
#define _cleanup_webhook_secrets_ _cleanup_(webhook_secrets_done)

/* Lines of base64, as step prints a webhook's secret; empty ones and those that begin with # are skipped. -EBADMSG
 * (*reterr_line says where), -E2BIG too many, -ENOMEM. Before the first secret there is none: ret may be empty. */
int webhook_secrets_parse(ByteView text, WebhookSecrets *ret, unsigned *reterr_line);

/* Is signature, the value of X-Smallstep-Signature, that of body under one of the secrets? NULL is not. Time does not
 * depend on what is right about it. */
bool webhook_signature_good(const WebhookSecrets *s, ByteView body, const char *signature);

/* The name; "" when the request has none, or one that no device can have. -EBADMSG malformed, -E2BIG, -ENOMEM. */
int webhook_request_parse(ByteView body, char ret[static DEVICE_NAME_MAX + 1]);
/* code and message: why not, when it may not. */
int webhook_reply_build(bool allow, const char *code, const char *message, Bytes *ret);
