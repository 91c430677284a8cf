/* SPDX-License-Identifier: MIT */
#include "enroll/acme-client.h"

#include <time.h>

#include "enroll/progress.h"
#include "protocol/jws.h"
#include "protocol/url.h"
#include "shared/log.h"

void acme_client_done(AcmeClient *c) {
        free(c->directory_url);
        acme_directory_done(&c->directory);
        account_done(&c->account);
        free(c->nonce);
        *c = (AcmeClient) {};
}

static const char *origin_of(const AcmeClient *c, char ret[static HTTPS_ORIGIN_MAX]) {
        return https_origin(c->directory_url, ret);
}

/* --- Failures --- */

int acme_client_bad_answer(const AcmeClient *c, const char *what, int error, Failure *f) {
        char origin[HTTPS_ORIGIN_MAX];

        if (error == -ENOMEM)
                return error;
        if (error == -EREMOTE)
                return fail(f, -EBADMSG, OUTCOME_BAD_ANSWER,
                            "The ACME server %s names a URL of another server, or one without https, in its answer to "
                            "%s",
                            origin_of(c, origin), what);
        return fail(f, -EBADMSG, OUTCOME_BAD_ANSWER, "The ACME server's answer to %s makes no sense (%s)", what,
                    origin_of(c, origin));
}

/* A name that the attestation does not carry is refused with rejectedIdentifier as subproblem (step-ca). */
static bool is_wrong_name(const AcmeProblem *p) {
        if (acme_problem_is(p, "rejectedIdentifier") || strstr(p->detail, "permanent identifier does not match"))
                return true;
        for (size_t i = 0; i < p->n_subproblems; i++)
                if (strcmp(p->subproblems[i].type, ACME_ERROR_PREFIX "rejectedIdentifier") == 0)
                        return true;
        return false;
}

int acme_client_problem(const AcmeClient *c, const char *what, const AcmeProblem *p, Failure *f) {
        _cleanup_free_ char *text = NULL;
        char origin[HTTPS_ORIGIN_MAX], escaped[LOG_ESCAPED_MAX];
        JobOutcome outcome = is_wrong_name(p) ? OUTCOME_WRONG_NAME :
                             acme_problem_is(p, "unsupportedIdentifier") ? OUTCOME_WRONG_PROVISIONER :
                                                                           OUTCOME_REFUSED;

        int r = acme_problem_to_text(p, &text);
        if (r < 0)
                return r;
        return fail(f, acme_problem_is(p, "accountDoesNotExist") ? -ESTALE : -EREMOTEIO, outcome,
                    "The ACME server %s says no to %s: %s", origin_of(c, origin), what,
                    log_escape(text, strlen(text), escaped));
}

static int explain_status(const AcmeClient *c, const char *what, const HttpsReply *reply, Failure *f) {
        _cleanup_acme_problem_ AcmeProblem problem = {};
        char origin[HTTPS_ORIGIN_MAX];

        if (acme_problem_parse(bytes_view(&reply->body), &problem) >= 0 && *problem.type)
                return acme_client_problem(c, what, &problem, f);
        if (reply->status == 502 || reply->status == 503 || reply->status == 504)
                return fail(f, -EAGAIN, OUTCOME_UNREACHABLE, "The ACME server %s cannot serve now (HTTP status %u)",
                            origin_of(c, origin), reply->status);
        if (reply->status >= 300 && reply->status < 400)
                return fail(f, -EBADMSG, OUTCOME_BAD_ANSWER,
                            "The ACME server %s redirects (HTTP status %u), which is not followed", origin_of(c, origin),
                            reply->status);
        return fail(f, -EREMOTEIO, OUTCOME_REFUSED, "The ACME server %s says no to %s (HTTP status %u)",
                    origin_of(c, origin), what, reply->status);
}

/* --- Directory --- */

static int get_directory(AcmeClient *c, char *url, HttpsReply *ret, Failure *f) {
        free(c->directory_url);
        c->directory_url = url;
        return https_request(c->https, &(HttpsRequest) { .method = "GET", .url = url }, ret, f);
}

static int wrong_directory(const AcmeClient *c, const HttpsReply *reply, Failure *f) {
        char escaped[LOG_ESCAPED_MAX];

        if (reply->status >= 500 || (reply->status >= 300 && reply->status < 400))
                return explain_status(c, "the directory", reply, f);
        return fail(f, -ENOENT, OUTCOME_WRONG_PROVISIONER,
                    "There is no ACME directory at %s (HTTP status %u): is the provisioner's name right?",
                    log_escape(c->directory_url, strlen(c->directory_url), escaped), reply->status);
}

int acme_client_open(Https *h, const char *state_dir, const char *base_url, AcmeClient *ret, Failure *f) {
        _cleanup_acme_client_ AcmeClient c = { .https = h, .state_dir = state_dir };
        _cleanup_https_reply_ HttpsReply reply = {};
        char *url = NULL;
        int r;

        r = url_join(base_url, "directory", &url);
        if (r < 0)
                return r;
        r = get_directory(&c, url, &reply, f);
        if (r >= 0 && reply.status == 404) {
                /* Not everybody calls it that: RFC 8555 leaves the path to the server. */
                https_reply_done(&reply);
                url = strdup(base_url);
                if (!url)
                        return -ENOMEM;
                r = get_directory(&c, url, &reply, f);
        }
        if (r < 0)
                return r;
        if (reply.status != 200)
                return wrong_directory(&c, &reply, f);
        r = acme_directory_parse(bytes_view(&reply.body), c.directory_url, &c.directory);
        if (r < 0)
                return acme_client_bad_answer(&c, "the directory", r, f);
        *ret = TAKE_GENERIC(c, (AcmeClient) {});
        return 0;
}

/* --- Signed requests --- */

static int fetch_nonce(AcmeClient *c, Failure *f) {
        _cleanup_https_reply_ HttpsReply reply = {};

        if (c->nonce)
                return 0;
        int r = https_request(c->https, &(HttpsRequest) { .method = "HEAD", .url = c->directory.new_nonce }, &reply, f);
        if (r < 0)
                return r;
        if (!reply.replay_nonce)
                return acme_client_bad_answer(c, "the request for a nonce", -EBADMSG, f);
        c->nonce = TAKE_PTR(reply.replay_nonce);
        return 0;
}

static int sign(AcmeClient *c, const AcmeRequest *request, Bytes *ret, Failure *f) {
        int r = fetch_nonce(c, f);
        if (r < 0)
                return r;
        _cleanup_free_ char *nonce = TAKE_PTR(c->nonce); /* used once, whatever comes of it */
        JwsHeader header = {
                .url = request->url,
                .nonce = nonce,
                .kid = request->with_jwk ? NULL : c->account.url,
        };
        r = jws_sign(c->account.key, &header, request->payload, ret);
        return r < 0 ? fail_errno(f, r, "Cannot sign an ACME request") : 0;
}

static int post_once(AcmeClient *c, const AcmeRequest *request, HttpsReply *ret, Failure *f) {
        _cleanup_bytes_ Bytes body = BYTES_NULL;

        int r = sign(c, request, &body, f);
        if (r < 0)
                return r;
        r = https_request(c->https,
                          &(HttpsRequest) {
                                  .method = "POST",
                                  .url = request->url,
                                  .content_type = ACME_CONTENT_TYPE,
                                  .accept = request->accept,
                                  .body = bytes_view(&body),
                          },
                          ret, f);
        if (r >= 0)
                c->nonce = TAKE_PTR(ret->replay_nonce);
        return r;
}

static bool is_bad_nonce(const HttpsReply *reply) {
        _cleanup_acme_problem_ AcmeProblem problem = {};

        return reply->status == 400 && acme_problem_parse(bytes_view(&reply->body), &problem) >= 0 &&
               acme_problem_is(&problem, "badNonce");
}

/* RFC 8555 §6.5: a request refused with badNonce is repeated with the nonce that came with the refusal. */
int acme_client_post(AcmeClient *c, const AcmeRequest *request, HttpsReply *ret, Failure *f) {
        for (unsigned i = 0; i < ACME_NONCE_TRIES_MAX; i++) {
                _cleanup_https_reply_ HttpsReply reply = {};

                int r = post_once(c, request, &reply, f);
                if (r < 0)
                        return r;
                if (is_bad_nonce(&reply))
                        continue;
                if (reply.status < 200 || reply.status >= 300)
                        return explain_status(c, request->what, &reply, f);
                *ret = TAKE_GENERIC(reply, (HttpsReply) {});
                return 0;
        }
        return fail(f, -EREMOTEIO, OUTCOME_BAD_ANSWER, "The ACME server took none of %u nonces of its own",
                    ACME_NONCE_TRIES_MAX);
}

void acme_client_wait(const HttpsReply *reply, unsigned attempt) {
        int64_t seconds = MIN_OF((int64_t) attempt + 1, (int64_t) ACME_POLL_SECONDS_MAX);

        if (reply->retry_after && retry_after_parse(reply->retry_after, time(NULL), &seconds) >= 0)
                seconds = MAX_OF(seconds, (int64_t) 1);
        /* In steps: a signal between the look and the sleep wakes nobody. */
        for (unsigned n = (unsigned) MIN_OF(seconds, (int64_t) progress_left()); n > 0 && !progress_told_to_end(); n--)
                (void) sleep(1);
}

/* --- Accounts --- */

static int bind_external(const AcmeClient *c, const AcmeBinding *binding, Bytes *ret, Failure *f) {
        _cleanup_free_ char *jwk = NULL;
        PublicKey key;
        int r;

        if (!binding->kid)
                return !c->directory.external_account_required ?
                               0 :
                               fail(f, -EACCES, OUTCOME_REFUSED,
                                    "This ACME server wants external account binding: give --eab-kid and --eab-key-file, "
                                    "which its administrator hands out");
        if ((r = jws_public_key(c->account.key, &key)) < 0 || (r = jws_jwk(&key, &jwk)) < 0 ||
            (r = jws_external_account_binding(binding->key, binding->kid, c->directory.new_account, jwk, ret)) < 0)
                return fail_errno(f, r, "Cannot sign the external account binding");
        return 0;
}

static int register_account(AcmeClient *c, const AcmeBinding *binding, Failure *f) {
        _cleanup_https_reply_ HttpsReply reply = {};
        _cleanup_bytes_ Bytes external = BYTES_NULL, payload = BYTES_NULL;
        int r;

        r = bind_external(c, binding, &external, f);
        if (r < 0)
                return r;
        /* Who enrols here has chosen this server: its terms are agreed to. */
        r = acme_new_account_build(&(AcmeNewAccount) { .terms_agreed = true,
                                                       .external_account_binding = bytes_view(&external) },
                                   &payload);
        if (r < 0)
                return r;
        AcmeRequest request = {
                .what = "a new account",
                .url = c->directory.new_account,
                .payload = bytes_view(&payload),
                .with_jwk = true,
        };
        r = acme_client_post(c, &request, &reply, f);
        if (r < 0)
                return r;
        if (!reply.location || !url_valid_https(reply.location) || !url_same_origin(reply.location, c->directory_url))
                return acme_client_bad_answer(c, "a new account", reply.location ? -EREMOTE : -EBADMSG, f);
        c->account.url = TAKE_PTR(reply.location);
        return 0;
}

static int store_account(AcmeClient *c, Failure *f) {
        int r = account_store(c->state_dir, c->directory_url, &c->account);
        return r < 0 ? fail_errno(f, r, "Cannot store the ACME account") : 0;
}

int acme_client_account_anew(AcmeClient *c, const AcmeBinding *binding, Failure *f) {
        int r;

        account_done(&c->account);
        r = account_generate(&c->account);
        if (r < 0)
                return fail_errno(f, r, "Cannot make an ACME account key");
        if ((r = store_account(c, f)) < 0 || (r = register_account(c, binding, f)) < 0)
                return r;
        return store_account(c, f);
}

int acme_client_account(AcmeClient *c, const AcmeBinding *binding, Failure *f) {
        int r = account_load(c->state_dir, c->directory_url, &c->account);

        if (r == -ENOENT)
                return acme_client_account_anew(c, binding, f);
        if (r == -EBADMSG) {
                log_warning("The recorded ACME account cannot be read, making a new one");
                return acme_client_account_anew(c, binding, f);
        }
        if (r < 0)
                return fail_errno(f, r, "Cannot read the ACME account");
        if (c->account.url)
                return 0;
        r = register_account(c, binding, f);
        return r < 0 ? r : store_account(c, f);
}
