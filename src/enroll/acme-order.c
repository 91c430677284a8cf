/* SPDX-License-Identifier: MIT */
#include "enroll/acme-order.h"

#include "shared/log.h"

void placed_order_done(PlacedOrder *p) {
        free(p->url);
        acme_order_done(&p->order);
        free(p->authorization_url);
        acme_authorization_done(&p->authorization);
        *p = (PlacedOrder) {};
}

/* --- newOrder and its authorization --- */

/* Servers that know no permanent-identifier have several ways to say so: unsupportedIdentifier, or malformed with
 * the type in the detail. */
static int explain_order(int error, Failure *f) {
        if (f->outcome == OUTCOME_REFUSED && strstr(f->text, ACME_IDENTIFIER_PERMANENT))
                f->outcome = OUTCOME_WRONG_PROVISIONER;
        if (f->outcome == OUTCOME_WRONG_PROVISIONER)
                failure_add(f, "It issues no certificates for devices: a provisioner with the challenge "
                               "device-attest-01 is needed.");
        return error;
}

static int new_order(AcmeClient *c, const char *name, int64_t not_after, PlacedOrder *p, Failure *f) {
        _cleanup_https_reply_ HttpsReply reply = {};
        _cleanup_bytes_ Bytes payload = BYTES_NULL;
        int r;

        r = acme_new_order_build(name, 0, not_after, &payload);
        if (r < 0)
                return fail_errno(f, r, "Cannot put the order together");
        AcmeRequest request = { .what = "the order", .url = c->directory.new_order, .payload = bytes_view(&payload) };
        r = acme_client_post(c, &request, &reply, f);
        if (r < 0)
                return explain_order(r, f);
        r = acme_order_parse(bytes_view(&reply.body), c->directory_url, &p->order);
        if (r < 0)
                return acme_client_bad_answer(c, "the order", r, f);
        if (!reply.location || !url_valid_https(reply.location) || !url_same_origin(reply.location, c->directory_url))
                return acme_client_bad_answer(c, "the order", reply.location ? -EREMOTE : -EBADMSG, f);
        p->url = TAKE_PTR(reply.location);
        return 0;
}

static int get_authorization(AcmeClient *c, PlacedOrder *p, HttpsReply *reply, Failure *f) {
        AcmeRequest request = { .what = "the authorization", .url = p->authorization_url };

        acme_authorization_done(&p->authorization);
        int r = acme_client_post(c, &request, reply, f);
        if (r < 0)
                return r;
        r = acme_authorization_parse(bytes_view(&reply->body), c->directory_url, &p->authorization);
        return r < 0 ? acme_client_bad_answer(c, "the authorization", r, f) : 0;
}

static int find_challenge(AcmeClient *c, const char *name, PlacedOrder *p, Failure *f) {
        _cleanup_https_reply_ HttpsReply reply = {};
        const AcmeAuthorization *a = &p->authorization;
        char origin[HTTPS_ORIGIN_MAX];

        if (p->order.n_authorizations != 1)
                return acme_client_bad_answer(c, "the order", -EBADMSG, f); /* one identifier: one authorization */
        p->authorization_url = strdup(p->order.authorizations[0]);
        if (!p->authorization_url)
                return -ENOMEM;
        int r = get_authorization(c, p, &reply, f);
        if (r < 0)
                return r;
        if (strcmp(a->identifier_type, ACME_IDENTIFIER_PERMANENT) != 0 || strcmp(a->identifier_value, name) != 0)
                return acme_client_bad_answer(c, "the authorization", -EBADMSG, f);
        if (a->status == ACME_STATUS_VALID)
                return 0;
        p->challenge = acme_authorization_find(a, ACME_CHALLENGE_DEVICE_ATTEST);
        if (!p->challenge)
                return fail(f, -ENOENT, OUTCOME_WRONG_PROVISIONER,
                            "The ACME server %s offers no challenge of type device-attest-01: this provisioner does "
                            "not attest devices",
                            https_origin(c->directory_url, origin));
        return 0;
}

int acme_order_place(AcmeClient *c, const char *name, int64_t not_after, PlacedOrder *ret, Failure *f) {
        _cleanup_placed_order_ PlacedOrder p = {};
        int r;

        if ((r = new_order(c, name, not_after, &p, f)) < 0 || (r = find_challenge(c, name, &p, f)) < 0)
                return r;
        *ret = TAKE_GENERIC(p, (PlacedOrder) {});
        return 0;
}

/* --- The challenge --- */

static int challenge_invalid(const AcmeClient *c, const AcmeChallenge *challenge, Failure *f) {
        char origin[HTTPS_ORIGIN_MAX];

        if (challenge && challenge->has_error)
                return acme_client_problem(c, "the attestation", &challenge->error, f);
        return fail(f, -EREMOTEIO, OUTCOME_REFUSED, "The ACME server %s says no to the attestation and gives no reason",
                    https_origin(c->directory_url, origin));
}

/* The authorization is what RFC 8555 §7.5.1 has clients poll; step-ca takes no POST-as-GET on a challenge that
 * is pending. */
static int await_authorization(AcmeClient *c, const PlacedOrder *p, const HttpsReply *first, Failure *f) {
        _cleanup_placed_order_ PlacedOrder now = { .authorization_url = strdup(p->authorization_url) };

        if (!now.authorization_url)
                return -ENOMEM;
        acme_client_wait(first, 0);
        for (unsigned i = 1; i <= ACME_POLLS_MAX; i++) {
                _cleanup_https_reply_ HttpsReply reply = {};
                int r = get_authorization(c, &now, &reply, f);
                if (r < 0)
                        return r;
                const AcmeChallenge *challenge = acme_authorization_find(&now.authorization,
                                                                         ACME_CHALLENGE_DEVICE_ATTEST);
                if (now.authorization.status == ACME_STATUS_VALID)
                        return 0;
                if (now.authorization.status != ACME_STATUS_PENDING ||
                    (challenge && challenge->status == ACME_STATUS_INVALID))
                        return challenge_invalid(c, challenge, f);
                acme_client_wait(&reply, i);
        }
        return fail(f, -ETIMEDOUT, OUTCOME_TIMEOUT, "The ACME server does not decide about the attestation");
}

int acme_order_respond(AcmeClient *c, const PlacedOrder *p, ByteView attestation_object, Failure *f) {
        _cleanup_https_reply_ HttpsReply reply = {};
        _cleanup_acme_challenge_ AcmeChallenge challenge = {};
        _cleanup_bytes_ Bytes payload = BYTES_NULL;
        int r;

        r = acme_challenge_response_build(attestation_object, &payload);
        if (r < 0)
                return fail_errno(f, r, "Cannot put the challenge's response together");
        AcmeRequest request = {
                .what = "the attestation",
                .url = p->challenge->url,
                .payload = bytes_view(&payload),
        };
        r = acme_client_post(c, &request, &reply, f);
        if (r < 0)
                return r;
        r = acme_challenge_parse(bytes_view(&reply.body), c->directory_url, &challenge);
        if (r < 0)
                return acme_client_bad_answer(c, "the attestation", r, f);
        switch (challenge.status) {
        case ACME_STATUS_VALID:
                return 0;
        case ACME_STATUS_PENDING:
        case ACME_STATUS_PROCESSING:
                return await_authorization(c, p, &reply, f);
        default:
                return challenge_invalid(c, &challenge, f); /* with HTTP status 200 */
        }
}

/* --- Finalize and download --- */

static int take_order(AcmeClient *c, const AcmeRequest *request, HttpsReply *reply, AcmeOrder *order, Failure *f) {
        int r = acme_client_post(c, request, reply, f);
        if (r < 0)
                return r;
        acme_order_done(order);
        r = acme_order_parse(bytes_view(&reply->body), c->directory_url, order);
        return r < 0 ? acme_client_bad_answer(c, request->what, r, f) : 0;
}

/* Looks at the order while it has this status. first: the answer that said so, NULL: no need to wait yet. */
static int await_order(AcmeClient *c, PlacedOrder *p, AcmeStatus while_status, const HttpsReply *first, Failure *f) {
        _cleanup_https_reply_ HttpsReply last = {};
        AcmeRequest request = { .what = "the order's status", .url = p->url };

        for (unsigned i = 0; i < ACME_POLLS_MAX && p->order.status == while_status; i++) {
                if (first || i > 0)
                        acme_client_wait(first ? first : &last, i);
                first = NULL;
                https_reply_done(&last);
                int r = take_order(c, &request, &last, &p->order, f);
                if (r < 0)
                        return r;
        }
        return p->order.status == while_status ?
                       fail(f, -ETIMEDOUT, OUTCOME_TIMEOUT, "The ACME server keeps the order in the state \"%s\"",
                            acme_status_to_string(while_status)) :
                       0;
}

static int unexpected_order(const AcmeClient *c, const AcmeOrder *order, Failure *f) {
        if (order->has_error)
                return acme_client_problem(c, "the order", &order->error, f);
        return fail(f, -EREMOTEIO, OUTCOME_REFUSED, "The ACME server gives up the order: its state is \"%s\"",
                    acme_status_to_string(order->status));
}

int acme_order_finalize(AcmeClient *c, PlacedOrder *p, ByteView csr, Failure *f) {
        _cleanup_https_reply_ HttpsReply reply = {};
        _cleanup_bytes_ Bytes payload = BYTES_NULL;
        int r;

        r = await_order(c, p, ACME_STATUS_PENDING, NULL, f);
        if (r < 0)
                return r;
        if (p->order.status != ACME_STATUS_READY)
                return unexpected_order(c, &p->order, f);
        r = acme_finalize_build(csr, &payload);
        if (r < 0)
                return fail_errno(f, r, "Cannot put the certificate request together");
        AcmeRequest request = {
                .what = "the certificate request",
                .url = p->order.finalize,
                .payload = bytes_view(&payload),
        };
        if ((r = take_order(c, &request, &reply, &p->order, f)) < 0 ||
            (r = await_order(c, p, ACME_STATUS_PROCESSING, &reply, f)) < 0)
                return r;
        return p->order.status == ACME_STATUS_VALID && p->order.certificate ? 0 : unexpected_order(c, &p->order, f);
}

int acme_order_download(AcmeClient *c, const PlacedOrder *p, Chain *ret, Failure *f) {
        _cleanup_https_reply_ HttpsReply reply = {};
        AcmeRequest request = {
                .what = "the download",
                .url = p->order.certificate,
                .accept = "application/pem-certificate-chain",
        };

        int r = acme_client_post(c, &request, &reply, f);
        if (r < 0)
                return r;
        r = chain_from_pem(bytes_view(&reply.body), ret);
        return r < 0 ? acme_client_bad_answer(c, "the download", r, f) : 0;
}

int acme_revoke(AcmeClient *c, ByteView certificate, Failure *f) {
        _cleanup_https_reply_ HttpsReply reply = {};
        _cleanup_bytes_ Bytes payload = BYTES_NULL;

        if (!c->directory.revoke_cert)
                return fail(f, -ENOTSUP, OUTCOME_REFUSED, "The ACME server offers no revocation");
        int r = acme_revoke_build(certificate, -1, &payload);
        if (r < 0)
                return r;
        AcmeRequest request = {
                .what = "the revocation",
                .url = c->directory.revoke_cert,
                .payload = bytes_view(&payload),
        };
        return acme_client_post(c, &request, &reply, f);
}
