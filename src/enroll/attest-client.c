/* SPDX-License-Identifier: MIT */
#include "enroll/attest-client.h"

#include "protocol/url.h"
#include "shared/log.h"

/* It knows who this is now, and asks a person. */
static bool is_waiting(const HttpsReply *reply) {
        _cleanup_attest_error_ AttestError e = {};

        return reply->status == 403 && attest_error_parse(bytes_view(&reply->body), &e) >= 0 &&
               strcmp(e.error, "waiting") == 0;
}

/* What the server says about its refusal, escaped; "" if it says nothing that can be read. */
static const char *refusal_text(const HttpsReply *reply, char ret[static LOG_ESCAPED_MAX]) {
        _cleanup_attest_error_ AttestError e = {};

        if (attest_error_parse(bytes_view(&reply->body), &e) < 0) {
                ret[0] = 0;
                return ret;
        }
        const char *text = e.detail && *e.detail ? e.detail : e.error;
        return log_escape(text, strlen(text), ret);
}

static int explain(const char *base_url, const char *name, const HttpsReply *reply, Failure *f) {
        char origin[HTTPS_ORIGIN_MAX], said[LOG_ESCAPED_MAX];

        (void) https_origin(base_url, origin);
        if (is_waiting(reply))
                return fail(f, -EINPROGRESS, OUTCOME_WAITING,
                            "This device waits for approval: %s does not know it yet.", origin);
        (void) refusal_text(reply, said);
        switch (reply->status) {
        case 403:
                return fail(f, -EACCES, OUTCOME_REFUSED, "The attestation server %s refuses this TPM%s%s", origin,
                            *said ? ": " : "", said);
        case 404:
        case 405:
                return fail(f, -EBADMSG, OUTCOME_BAD_ANSWER,
                            "%s is no attestation server: it has no /%s there (HTTP status %u)", origin, name,
                            reply->status);
        case 502:
        case 503:
        case 504:
                return fail(f, -EAGAIN, OUTCOME_UNREACHABLE, "The attestation server %s cannot serve now: %s", origin,
                            *said ? said : "busy, or its CA has not been created yet");
        default:
                if (reply->status >= 300 && reply->status < 400)
                        return fail(f, -EBADMSG, OUTCOME_BAD_ANSWER,
                                    "The attestation server %s redirects (HTTP status %u), which is not followed",
                                    origin, reply->status);
                return fail(f, -EREMOTEIO, OUTCOME_REFUSED, "The attestation server %s says no (HTTP status %u)%s%s",
                            origin, reply->status, *said ? ": " : "", said);
        }
}

static int post(Https *h, const char *base_url, const char *name, ByteView body, HttpsReply *ret, Failure *f) {
        _cleanup_https_reply_ HttpsReply reply = {};
        _cleanup_free_ char *url = NULL;
        int r;

        r = url_join(base_url, name, &url);
        if (r < 0)
                return r;
        HttpsRequest request = {
                .method = "POST",
                .url = url,
                .content_type = "application/json",
                .accept = "application/json",
                .body = body,
                .loopback = true,
        };
        r = https_request(h, &request, &reply, f);
        if (r < 0)
                return r;
        if (reply.status != 200)
                return explain(base_url, name, &reply, f);
        *ret = TAKE_GENERIC(reply, (HttpsReply) {});
        return 0;
}

static int bad_answer(const char *base_url, const char *name, int error, Failure *f) {
        char origin[HTTPS_ORIGIN_MAX];

        if (error == -ENOMEM)
                return error;
        return fail(f, -EBADMSG, OUTCOME_BAD_ANSWER, "The answer of %s to /%s is not what an attestation server says",
                    https_origin(base_url, origin), name);
}

int attest_client_attest(Https *h, const char *base_url, const AttestRequest *request, AttestReply *ret, Failure *f) {
        _cleanup_https_reply_ HttpsReply reply = {};
        _cleanup_bytes_ Bytes body = BYTES_NULL;
        int r;

        r = attest_request_build(request, &body);
        if (r < 0)
                return fail_errno(f, r, "Cannot put the attestation request together");
        r = post(h, base_url, "attest", bytes_view(&body), &reply, f);
        if (r < 0)
                return r;
        r = attest_reply_parse(bytes_view(&reply.body), ret);
        return r < 0 ? bad_answer(base_url, "attest", r, f) : 0;
}

int attest_client_secret(Https *h, const char *base_url, ByteView secret, Chain *ret, Failure *f) {
        _cleanup_secret_reply_ SecretReply chain = {};
        _cleanup_https_reply_ HttpsReply reply = {};
        _cleanup_bytes_erase_ Bytes body = BYTES_NULL;
        int r;

        if (secret.size != ATTEST_SECRET_SIZE)
                return fail(f, -EBADMSG, OUTCOME_BAD_ANSWER, "The attestation server's secret has not %u bytes",
                            ATTEST_SECRET_SIZE);
        r = secret_request_build(secret.data, &body);
        if (r < 0)
                return r;
        r = post(h, base_url, "secret", bytes_view(&body), &reply, f);
        if (r < 0) {
                if (r == -EACCES)
                        f->outcome = OUTCOME_UNKNOWN_DEVICE;
                return r;
        }
        r = secret_reply_parse(bytes_view(&reply.body), &chain);
        if (r >= 0)
                r = chain_from_der(chain.chain, chain.n_chain, ret);
        return r < 0 ? bad_answer(base_url, "secret", r, f) : 0;
}
