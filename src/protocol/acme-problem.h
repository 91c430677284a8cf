/* SPDX-License-Identifier: MIT */
#pragma once

/* Problem documents (RFC 7807) as ACME sends them (RFC 8555 §6.7): what went wrong, and for which
 * identifier. */
#include <json-c/json.h>

#include "shared/bytes.h"

#define ACME_PROBLEM_BODY_MAX (64U * 1024) /* bytes */
#define ACME_PROBLEM_DEPTH_MAX 8U
#define ACME_PROBLEM_TYPE_MAX 256U
#define ACME_PROBLEM_DETAIL_MAX 4096U
#define ACME_SUBPROBLEMS_MAX 32U
#define ACME_ERROR_PREFIX "urn:ietf:params:acme:error:"

typedef struct AcmeSubproblem {
        char *type, *detail;         /* never NULL */
        char *identifier;            /* its value; NULL: none */
} AcmeSubproblem;

typedef struct AcmeProblem {
        char *type, *detail;         /* never NULL when parsed: "" if absent */
        AcmeSubproblem *subproblems;
        size_t n_subproblems;
} AcmeProblem;

void acme_problem_done(AcmeProblem *p);
#define _cleanup_acme_problem_ _cleanup_(acme_problem_done)

/* -EBADMSG, -E2BIG. The second is for the error member of another message. */
int acme_problem_parse(ByteView body, AcmeProblem *ret);
int acme_problem_from_json(struct json_object *o, AcmeProblem *ret);
/* name without the prefix: "badNonce" */
bool acme_problem_is(const AcmeProblem *p, const char *name);
/* "unauthorized: detail (badCSR: detail of a subproblem for NAME; …)" */
int acme_problem_to_text(const AcmeProblem *p, char **ret);
