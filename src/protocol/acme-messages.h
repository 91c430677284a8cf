/* SPDX-License-Identifier: MIT */
#pragma once

/* The JSON bodies of ACME (RFC 8555) for a client that orders one permanent-identifier and answers one
 * device-attest-01 (draft-ietf-acme-device-attest). Unknown members are ignored and null counts as absent.
 * Every parser: -EBADMSG malformed or incomplete, -E2BIG beyond a limit, -ENOMEM, and -EREMOTE when a URL is
 * not https or leaves the origin of directory_url. Texts come from a stranger: escape them. */
#include "protocol/acme-payloads.h"
#include "protocol/acme-problem.h"
#include "protocol/retry-after.h"
#include "protocol/url.h"

#define ACME_BODY_MAX (256U * 1024)  /* bytes of an answer */
#define ACME_DEPTH_MAX 16U
#define ACME_LIST_MAX 32U            /* authorizations, challenges */
#define ACME_TYPE_MAX 128U           /* challenge type, identifier type */
#define ACME_TOKEN_MAX 256U

#define ACME_CHALLENGE_DEVICE_ATTEST "device-attest-01"

typedef enum AcmeStatus {
        ACME_STATUS_UNKNOWN = 0,     /* a word that RFC 8555 §7.1.6 does not have */
        ACME_STATUS_PENDING,
        ACME_STATUS_READY,
        ACME_STATUS_PROCESSING,
        ACME_STATUS_VALID,
        ACME_STATUS_INVALID,
        ACME_STATUS_DEACTIVATED,
        ACME_STATUS_EXPIRED,
        ACME_STATUS_REVOKED,
        _ACME_STATUS_MAX,
} AcmeStatus;

const char *acme_status_to_string(AcmeStatus s);

typedef struct AcmeDirectory {
        char *new_nonce, *new_account, *new_order;
        char *revoke_cert;           /* NULL: not offered */
        char *terms_of_service;      /* NULL: none; a URL of any origin, for people */
        bool external_account_required;
} AcmeDirectory;

void acme_directory_done(AcmeDirectory *d);
#define _cleanup_acme_directory_ _cleanup_(acme_directory_done)

int acme_directory_parse(ByteView body, const char *directory_url, AcmeDirectory *ret);

/* The account's URL is in the Location header: url_same_origin() with the directory's. */
int acme_account_parse(ByteView body, AcmeStatus *ret);

typedef struct AcmeOrder {
        AcmeStatus status;
        char *authorizations[ACME_LIST_MAX];
        size_t n_authorizations;     /* at least one while pending */
        char *finalize;
        char *certificate;           /* NULL: not issued yet; there when valid */
        bool has_error;
        AcmeProblem error;
} AcmeOrder;

void acme_order_done(AcmeOrder *o);
#define _cleanup_acme_order_ _cleanup_(acme_order_done)

int acme_order_parse(ByteView body, const char *directory_url, AcmeOrder *ret);

typedef struct AcmeChallenge {
        AcmeStatus status;
        char *type;
        char *url;
        char *token;                 /* base64url alphabet; NULL: none (types other than ours) */
        bool has_error;
        AcmeProblem error;
} AcmeChallenge;

void acme_challenge_done(AcmeChallenge *c);
#define _cleanup_acme_challenge_ _cleanup_(acme_challenge_done)

/* Look at status: a server may answer 200 with a challenge that is invalid. */
int acme_challenge_parse(ByteView body, const char *directory_url, AcmeChallenge *ret);

typedef struct AcmeAuthorization {
        AcmeStatus status;
        char *identifier_type, *identifier_value;
        AcmeChallenge *challenges;
        size_t n_challenges;         /* may be 0 */
} AcmeAuthorization;

void acme_authorization_done(AcmeAuthorization *a);
#define _cleanup_acme_authorization_ _cleanup_(acme_authorization_done)

int acme_authorization_parse(ByteView body, const char *directory_url, AcmeAuthorization *ret);
/* The first of this type that has a token, or NULL. */
const AcmeChallenge *acme_authorization_find(const AcmeAuthorization *a, const char *type);
