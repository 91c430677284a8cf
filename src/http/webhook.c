/* SPDX-License-Identifier: MIT */
#include "http/webhook.h"

#include <stdio.h>

#include "http/events.h"
#include "http/front.h"
#include "shared/log.h"

#define SIGNATURE_HEADER "X-Smallstep-Signature"

static void refuse(HttpRequest *r, unsigned status, const char *error, const char *reason) {
        tell_refused(WEBHOOK_PATH, http_request_peer(r), status, reason);
        http_reply_error(r, status, error, reason);
}

/* A refusal is a good answer: step-ca does not ask again, and shows the message in its log. */
static void answer(HttpRequest *r, bool allow) {
        Bytes body = BYTES_NULL;

        int k = webhook_reply_build(allow, "notLive", "no device of exactly this name may get a certificate now", &body);
        if (k < 0)
                refuse(r, MHD_HTTP_INTERNAL_SERVER_ERROR, "failed", "the server could not do it");
        else
                http_reply_json(r, MHD_HTTP_OK, body);
}

/* Anything but a clear yes or no: step-ca tries once more after a second, then refuses its client. */
static void answer_later(HttpRequest *r, const char *reason) {
        refuse(r, MHD_HTTP_SERVICE_UNAVAILABLE, "unavailable", reason);
}

static void on_name_reply(const FrontMessage *m, int error, void *userdata) {
        HttpRequest *r = userdata;

        if (!m)
                answer_later(r, error == -ETIMEDOUT ? "atteztd did not answer in time" : "atteztd is not there");
        else if (m->name_reply.status == FRONT_OK || m->name_reply.status == FRONT_DENIED)
                answer(r, m->name_reply.status == FRONT_OK);
        else
                answer_later(r, "atteztd could not tell");
}

static void ask(HttpRequest *r, Front *f) {
        FrontMessage m = { .type = FRONT_NAME };

        int k = webhook_request_parse(http_request_body(r), m.name.name);
        if (k < 0) {
                refuse(r, MHD_HTTP_BAD_REQUEST, "malformed", "this is not the JSON of a webhook's request");
                return;
        }
        if (!m.name.name[0]) {
                log_info("POST " WEBHOOK_PATH " from %s: no name of a device was attested.", http_request_peer(r));
                answer(r, false);
                return;
        }
        (void) snprintf(m.name.peer, sizeof(m.name.peer), "%s", http_request_peer(r));
        k = backend_ask(f->backend, &m, on_name_reply, r);
        if (k < 0)
                answer_later(r, k == -ENOBUFS ? "too many requests are under way" : "atteztd is not there");
}

void webhook_on_request(HttpRequest *r, void *front) {
        Front *f = front;
        gnutls_session_t session = http_request_tls(r);

        if (!webhook_configured(&f->webhook))
                http_reply_error(r, MHD_HTTP_NOT_FOUND, "not-found", "there is no webhook here: see WebhookSecret=");
        else if (!session && !http_request_is_of_local_proxy(r))
                refuse(r, MHD_HTTP_FORBIDDEN, "refused",
                       "the webhook is for HTTPS only, here or at a proxy on this machine that TrustedProxies= names");
        else if (webhook_auth_check(&f->webhook, session, http_request_body(r),
                                    http_request_header(r, SIGNATURE_HEADER)) == WEBHOOK_CALLER_UNKNOWN)
                refuse(r, MHD_HTTP_UNAUTHORIZED, "unauthorized",
                       "neither signed with a secret of the webhook nor asked with its client certificate");
        else
                ask(r, f);
}
