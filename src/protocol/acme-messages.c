/* SPDX-License-Identifier: MIT */
#include "protocol/acme-messages.h"
#include "protocol/json-value.h"

/* RFC 8555 §7.1.6 */
static const char *const statuses[_ACME_STATUS_MAX] = {
        [ACME_STATUS_UNKNOWN] = "unknown",
        [ACME_STATUS_PENDING] = "pending",
        [ACME_STATUS_READY] = "ready",
        [ACME_STATUS_PROCESSING] = "processing",
        [ACME_STATUS_VALID] = "valid",
        [ACME_STATUS_INVALID] = "invalid",
        [ACME_STATUS_DEACTIVATED] = "deactivated",
        [ACME_STATUS_EXPIRED] = "expired",
        [ACME_STATUS_REVOKED] = "revoked",
};

const char *acme_status_to_string(AcmeStatus s) {
        return s > ACME_STATUS_UNKNOWN && s < _ACME_STATUS_MAX ? statuses[s] : statuses[ACME_STATUS_UNKNOWN];
}

/* A message's object, without members that are null: Go programs write null for an empty list. */
static int parse_body(ByteView body, struct json_object **ret) {
        struct json_object *o;
        int r;

        if (body.size > ACME_BODY_MAX)
                return -E2BIG;
        r = json_parse_strict(body, ACME_DEPTH_MAX, &o);
        if (r < 0)
                return r;
        json_drop_nulls(o);
        *ret = o;
        return 0;
}

static int parse_status(struct json_object *o, AcmeStatus *ret) {
        _cleanup_free_ char *word = NULL;
        int r;

        r = json_required(json_member_text(o, "status", ACME_TYPE_MAX, &word));
        if (r < 0)
                return r;
        *ret = ACME_STATUS_UNKNOWN;
        for (int s = ACME_STATUS_PENDING; s < _ACME_STATUS_MAX; s++)
                if (strcmp(word, statuses[s]) == 0)
                        *ret = (AcmeStatus) s;
        return 0;
}

static int check_url(char *url, const char *directory_url, char **ret) {
        if (!url_valid_https(url) || !url_same_origin(url, directory_url)) {
                free(url);
                return -EREMOTE;
        }
        *ret = url;
        return 0;
}

static int parse_url(struct json_object *o, const char *name, const char *directory_url, char **ret) {
        char *url;
        int r = json_member_text(o, name, URL_MAX, &url);

        return r < 0 ? r : check_url(url, directory_url, ret);
}

static int parse_error(struct json_object *o, AcmeProblem *ret, bool *ret_has) {
        struct json_object *e;
        int r;

        r = json_member_object(o, "error", &e);
        if (r < 0)
                return json_optional(r);
        r = acme_problem_from_json(e, ret);
        if (r < 0)
                return r;
        *ret_has = true;
        return 0;
}

void acme_directory_done(AcmeDirectory *d) {
        free(d->new_nonce);
        free(d->new_account);
        free(d->new_order);
        free(d->revoke_cert);
        free(d->terms_of_service);
        *d = (AcmeDirectory) {};
}

static int parse_meta(struct json_object *directory, AcmeDirectory *d) {
        struct json_object *o;
        int r;

        r = json_member_object(directory, "meta", &o);
        if (r < 0)
                return json_optional(r);
        json_drop_nulls(o);
        r = json_optional(json_member_bool(o, "externalAccountRequired", &d->external_account_required));
        if (r < 0)
                return r;
        return json_optional(json_member_text(o, "termsOfService", URL_MAX, &d->terms_of_service));
}

int acme_directory_parse(ByteView body, const char *directory_url, AcmeDirectory *ret) {
        _cleanup_json_ struct json_object *o = NULL;
        _cleanup_acme_directory_ AcmeDirectory d = {};
        int r;

        r = parse_body(body, &o);
        if (r < 0)
                return r;
        r = json_required(parse_url(o, "newNonce", directory_url, &d.new_nonce));
        if (r < 0)
                return r;
        r = json_required(parse_url(o, "newAccount", directory_url, &d.new_account));
        if (r < 0)
                return r;
        r = json_required(parse_url(o, "newOrder", directory_url, &d.new_order));
        if (r < 0)
                return r;
        r = json_optional(parse_url(o, "revokeCert", directory_url, &d.revoke_cert));
        if (r < 0)
                return r;
        r = parse_meta(o, &d);
        if (r < 0)
                return r;
        *ret = TAKE_GENERIC(d, (AcmeDirectory) {});
        return 0;
}

int acme_account_parse(ByteView body, AcmeStatus *ret) {
        _cleanup_json_ struct json_object *o = NULL;
        int r = parse_body(body, &o);

        return r < 0 ? r : parse_status(o, ret);
}

void acme_order_done(AcmeOrder *o) {
        for (size_t i = 0; i < o->n_authorizations; i++)
                free(o->authorizations[i]);
        free(o->finalize);
        free(o->certificate);
        acme_problem_done(&o->error);
        *o = (AcmeOrder) {};
}

static int parse_authorization_urls(struct json_object *o, const char *directory_url, AcmeOrder *order) {
        struct json_object *list;
        int r;

        r = json_member_array(o, "authorizations", ACME_LIST_MAX, &list);
        if (r < 0)
                return json_optional(r);
        for (size_t i = 0; i < json_object_array_length(list); i++) {
                char *url;

                r = json_value_text(json_object_array_get_idx(list, i), URL_MAX, &url);
                if (r < 0)
                        return r;
                r = check_url(url, directory_url, &order->authorizations[order->n_authorizations]);
                if (r < 0)
                        return r;
                order->n_authorizations++;
        }
        return 0;
}

int acme_order_parse(ByteView body, const char *directory_url, AcmeOrder *ret) {
        _cleanup_json_ struct json_object *o = NULL;
        _cleanup_acme_order_ AcmeOrder order = {};
        int r;

        r = parse_body(body, &o);
        if (r < 0)
                return r;
        r = parse_status(o, &order.status);
        if (r < 0)
                return r;
        r = parse_authorization_urls(o, directory_url, &order);
        if (r < 0)
                return r;
        r = json_required(parse_url(o, "finalize", directory_url, &order.finalize));
        if (r < 0)
                return r;
        r = json_optional(parse_url(o, "certificate", directory_url, &order.certificate));
        if (r < 0)
                return r;
        r = parse_error(o, &order.error, &order.has_error);
        if (r < 0)
                return r;
        if (order.status == ACME_STATUS_VALID && !order.certificate)
                return -EBADMSG;
        if (order.status == ACME_STATUS_PENDING && order.n_authorizations == 0)
                return -EBADMSG;
        *ret = TAKE_GENERIC(order, (AcmeOrder) {});
        return 0;
}

void acme_challenge_done(AcmeChallenge *c) {
        free(c->type);
        free(c->url);
        free(c->token);
        acme_problem_done(&c->error);
        *c = (AcmeChallenge) {};
}

/* RFC 8555 §8.1: the base64url alphabet. The token goes into what the TPM signs. */
static bool is_token(const char *token) {
        static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

        return *token && token[strspn(token, alphabet)] == 0;
}

static int challenge_from_json(struct json_object *o, const char *directory_url, AcmeChallenge *ret) {
        _cleanup_acme_challenge_ AcmeChallenge c = {};
        int r;

        if (!json_object_is_type(o, json_type_object))
                return -EBADMSG;
        json_drop_nulls(o);
        r = json_required(json_member_text(o, "type", ACME_TYPE_MAX, &c.type));
        if (r < 0)
                return r;
        r = parse_status(o, &c.status);
        if (r < 0)
                return r;
        r = json_required(parse_url(o, "url", directory_url, &c.url));
        if (r < 0)
                return r;
        r = json_optional(json_member_text(o, "token", ACME_TOKEN_MAX, &c.token));
        if (r < 0)
                return r;
        if (c.token && !is_token(c.token))
                return -EBADMSG;
        r = parse_error(o, &c.error, &c.has_error);
        if (r < 0)
                return r;
        *ret = TAKE_GENERIC(c, (AcmeChallenge) {});
        return 0;
}

int acme_challenge_parse(ByteView body, const char *directory_url, AcmeChallenge *ret) {
        _cleanup_json_ struct json_object *o = NULL;
        int r = parse_body(body, &o);

        return r < 0 ? r : challenge_from_json(o, directory_url, ret);
}

void acme_authorization_done(AcmeAuthorization *a) {
        for (size_t i = 0; i < a->n_challenges; i++)
                acme_challenge_done(&a->challenges[i]);
        free(a->challenges);
        free(a->identifier_type);
        free(a->identifier_value);
        *a = (AcmeAuthorization) {};
}

static int parse_challenges(struct json_object *o, const char *directory_url, AcmeAuthorization *a) {
        struct json_object *list;
        int r;

        r = json_member_array(o, "challenges", ACME_LIST_MAX, &list);
        if (r < 0)
                return json_optional(r);

        size_t n = json_object_array_length(list);
        if (n == 0)
                return 0;
        a->challenges = calloc(n, sizeof(AcmeChallenge));
        if (!a->challenges)
                return -ENOMEM;
        for (; a->n_challenges < n; a->n_challenges++) {
                r = challenge_from_json(json_object_array_get_idx(list, a->n_challenges), directory_url,
                                        &a->challenges[a->n_challenges]);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int parse_identifier(struct json_object *o, AcmeAuthorization *a) {
        struct json_object *identifier;
        int r;

        r = json_required(json_member_object(o, "identifier", &identifier));
        if (r < 0)
                return r;
        r = json_required(json_member_text(identifier, "type", ACME_TYPE_MAX, &a->identifier_type));
        if (r < 0)
                return r;
        r = json_member_text(identifier, "value", ACME_IDENTIFIER_MAX, &a->identifier_value);
        return json_required(r);
}

int acme_authorization_parse(ByteView body, const char *directory_url, AcmeAuthorization *ret) {
        _cleanup_json_ struct json_object *o = NULL;
        _cleanup_acme_authorization_ AcmeAuthorization a = {};
        int r;

        r = parse_body(body, &o);
        if (r < 0)
                return r;
        r = parse_status(o, &a.status);
        if (r < 0)
                return r;
        r = parse_identifier(o, &a);
        if (r < 0)
                return r;
        r = parse_challenges(o, directory_url, &a);
        if (r < 0)
                return r;
        *ret = TAKE_GENERIC(a, (AcmeAuthorization) {});
        return 0;
}

const AcmeChallenge *acme_authorization_find(const AcmeAuthorization *a, const char *type) {
        for (size_t i = 0; i < a->n_challenges; i++)
                if (a->challenges[i].token && strcmp(a->challenges[i].type, type) == 0)
                        return &a->challenges[i];
        return NULL;
}
