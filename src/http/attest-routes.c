/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <time.h>

#include "http/attest-routes.h"
#include "http/events.h"
#include "http/webhook.h"
#include "protocol/attest-decision.h"
#include "protocol/attest-messages.h"
#include "shared/log.h"

/* One answer for all that atteztd denies: it does not tell who is enrolled. */
#define DENIED_DETAIL \
        "not allowed or no trusted EK certificate, or the secret is not known any more; " \
        "ask the administrator of the attestation CA"

/* For a device that has proved who it is, and is unknown: of nobody else does it tell anything. */
#define WAITING_DETAIL "this device is not enrolled yet: it waits for approval by the administrator of the attestation CA"

/* --- Refusals --- */

static void refuse(HttpRequest *r, const char *route, unsigned status, const char *error, const char *reason) {
        Front *f = http_request_userdata(r);

        if (status < MHD_HTTP_INTERNAL_SERVER_ERROR)
                fairness_refused(&f->fairness, r);
        tell_refused(route, http_request_peer(r), status, reason);
        http_reply_error(r, status, error, reason);
}

static void refuse_attest(HttpRequest *r, const AttestDecision *d) {
        static const struct {
                unsigned status;
                const char *error;
        } answers[_ATTEST_OUTCOME_MAX] = {
                [ATTEST_MALFORMED] = { MHD_HTTP_BAD_REQUEST, "malformed" },
                [ATTEST_TOO_LARGE] = { MHD_HTTP_CONTENT_TOO_LARGE, "too-large" },
                [ATTEST_REFUSED] = { MHD_HTTP_FORBIDDEN, "refused" },
                [ATTEST_FAILED] = { MHD_HTTP_INTERNAL_SERVER_ERROR, "failed" },
        };

        refuse(r, "/attest", answers[d->outcome].status, answers[d->outcome].error, d->reason);
}

static void refuse_status(HttpRequest *r, const char *route, FrontStatus status) {
        switch (status) {
        case FRONT_DENIED:
                refuse(r, route, MHD_HTTP_FORBIDDEN, "denied", DENIED_DETAIL);
                break;
        case FRONT_WAITING:
                log_info("POST %s from %s: waits for approval.", route, http_request_peer(r));
                http_retry_after(r, (unsigned) ((Front *) http_request_userdata(r))->waiting_retry_sec);
                http_reply_error(r, MHD_HTTP_FORBIDDEN, "waiting", WAITING_DETAIL);
                break;
        case FRONT_BUSY:
                refuse(r, route, MHD_HTTP_SERVICE_UNAVAILABLE, "busy", "too many requests are under way");
                break;
        case FRONT_UNAVAILABLE:
                refuse(r, route, MHD_HTTP_SERVICE_UNAVAILABLE, "unavailable", "the attestation CA is not set up yet");
                break;
        default:
                refuse(r, route, MHD_HTTP_INTERNAL_SERVER_ERROR, "failed", "the server could not do it");
        }
}

static void refuse_error(HttpRequest *r, const char *route, int error) {
        switch (error) {
        case -ETIMEDOUT:
                refuse(r, route, MHD_HTTP_SERVICE_UNAVAILABLE, "busy", "atteztd did not answer in time");
                break;
        case -ENOBUFS:
                refuse(r, route, MHD_HTTP_SERVICE_UNAVAILABLE, "busy", "too many requests are under way");
                break;
        case -ENOTCONN:
        case -ECONNRESET:
                refuse(r, route, MHD_HTTP_SERVICE_UNAVAILABLE, "unavailable", "atteztd is not there");
                break;
        default:
                refuse(r, route, MHD_HTTP_INTERNAL_SERVER_ERROR, "failed", "the server could not do it");
        }
}

/* body is that of a success, or error is set. */
static void answer(HttpRequest *r, const char *route, int error, Bytes body) {
        if (error < 0)
                refuse_error(r, route, error);
        else
                http_reply_json(r, MHD_HTTP_OK, body);
}

/* --- POST /attest --- */

static void on_attest_reply(const FrontMessage *m, int error, void *userdata) {
        HttpRequest *r = userdata;
        Front *f = http_request_userdata(r);
        Bytes body = BYTES_NULL;

        if (m && m->attest_reply.status != FRONT_OK) {
                refuse_status(r, "/attest", m->attest_reply.status);
                return;
        }
        if (m) {
                const Credential *c = &m->attest_reply.credential;
                fairness_challenged(&f->fairness, r);
                error = attest_reply_build(VIEW(c->id_object, c->id_object_size),
                                           VIEW(c->encrypted_secret, c->encrypted_secret_size), &body);
        }
        answer(r, "/attest", error, body);
}

static void on_attest(HttpRequest *r, void *userdata) {
        Front *f = userdata;
        FrontMessage m = { .type = FRONT_ATTEST };
        AttestDecision d;
        int k;

        if (!fairness_attest(&f->fairness, r))
                return;
        attest_decide(http_request_body(r), f->files.trust, time(NULL), &d);
        if (d.outcome != ATTEST_ASK) {
                refuse_attest(r, &d);
                return;
        }
        if (!fairness_device(&f->fairness, r, &d.question.ek))
                return;
        if (d.question.evidence == EK_EVIDENCE_TRUSTED && d.reason)
                log_notice("POST /attest from %s: %s.", http_request_peer(r), d.reason);
        else if (d.question.evidence == EK_EVIDENCE_UNTRUSTED)
                log_info("POST /attest from %s: %s; issuer (a claim): %s.", http_request_peer(r), d.reason,
                         d.question.issuer);
        m.attest = d.question;
        (void) snprintf(m.attest.peer, sizeof(m.attest.peer), "%s", http_request_peer(r));
        k = backend_ask(f->backend, &m, on_attest_reply, r);
        if (k < 0)
                refuse_error(r, "/attest", k);
}

/* --- POST /secret --- */

static void on_secret_reply(const FrontMessage *m, int error, void *userdata) {
        HttpRequest *r = userdata;
        Front *f = http_request_userdata(r);
        Bytes body = BYTES_NULL;

        if (m && m->secret_reply.status == FRONT_WAITING)
                fairness_waiting(&f->fairness, r, m->secret_reply.ek_hash);
        if (m && m->secret_reply.status != FRONT_OK) {
                refuse_status(r, "/secret", m->secret_reply.status);
                return;
        }
        if (m) {
                ByteView chain[FRONT_CHAIN_MAX];
                fairness_proved(&f->fairness, r, m->secret_reply.ek_hash);
                for (unsigned i = 0; i < m->secret_reply.n_chain; i++)
                        chain[i] = VIEW(m->secret_reply.chain[i].der, m->secret_reply.chain[i].size);
                error = secret_reply_build(chain, m->secret_reply.n_chain, &body);
        }
        answer(r, "/secret", error, body);
}

static void on_secret(HttpRequest *r, void *userdata) {
        Front *f = userdata;
        FrontMessage m = { .type = FRONT_SECRET };
        int k;

        if (!fairness_secret(&f->fairness, r))
                return;
        k = secret_request_parse(http_request_body(r), m.secret.secret);
        if (k == -ENOMEM) {
                refuse_error(r, "/secret", k);
                return;
        }
        if (k < 0) {
                refuse(r, "/secret", MHD_HTTP_BAD_REQUEST, "malformed", "this is not the JSON of a secret request");
                return;
        }
        (void) snprintf(m.secret.peer, sizeof(m.secret.peer), "%s", http_request_peer(r));
        k = backend_ask(f->backend, &m, on_secret_reply, r);
        explicit_bzero(m.secret.secret, sizeof(m.secret.secret));
        if (k < 0)
                refuse_error(r, "/secret", k);
}

/* --- GET /root.pem, GET /crl.pem --- */

static void answer_file(HttpRequest *r, SharedText *file) {
        if (shared_text_view(file).size == 0)
                http_reply_error(r, MHD_HTTP_SERVICE_UNAVAILABLE, "unavailable", "the attestation CA is not set up yet");
        else
                http_reply_shared(r, MHD_HTTP_OK, "application/x-pem-file", file);
}

static void on_root(HttpRequest *r, void *userdata) {
        const Front *f = userdata;

        answer_file(r, f->files.root_pem);
}

static void on_crl(HttpRequest *r, void *userdata) {
        const Front *f = userdata;

        answer_file(r, f->files.crl_pem);
}

const HttpRoute attest_routes[] = {
        { "/attest", MHD_HTTP_METHOD_POST, on_attest },
        { "/secret", MHD_HTTP_METHOD_POST, on_secret },
        { "/root.pem", MHD_HTTP_METHOD_GET, on_root },
        { "/crl.pem", MHD_HTTP_METHOD_GET, on_crl },
        { "/webhook", MHD_HTTP_METHOD_POST, webhook_on_request },
        {},
};
