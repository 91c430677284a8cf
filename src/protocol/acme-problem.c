/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "protocol/acme-payloads.h"
#include "protocol/acme-problem.h"
#include "protocol/json-value.h"

static void subproblem_done(AcmeSubproblem *s) {
        free(s->type);
        free(s->detail);
        free(s->identifier);
}

void acme_problem_done(AcmeProblem *p) {
        for (size_t i = 0; i < p->n_subproblems; i++)
                subproblem_done(&p->subproblems[i]);
        free(p->subproblems);
        free(p->type);
        free(p->detail);
        *p = (AcmeProblem) {};
}

static int text_or_empty(struct json_object *o, const char *name, size_t max, char **ret) {
        int r = json_member_text(o, name, max, ret);

        if (r != -ENOENT)
                return r;
        *ret = strdup("");
        return *ret ? 0 : -ENOMEM;
}

/* type and detail, which problems and subproblems share. On failure the caller frees what is there. */
static int parse_words(struct json_object *o, char **type, char **detail) {
        int r = text_or_empty(o, "type", ACME_PROBLEM_TYPE_MAX, type);

        return r < 0 ? r : text_or_empty(o, "detail", ACME_PROBLEM_DETAIL_MAX, detail);
}

static int parse_subproblem(struct json_object *o, AcmeSubproblem *s) {
        struct json_object *identifier;
        int r;

        if (!json_object_is_type(o, json_type_object))
                return -EBADMSG;
        json_drop_nulls(o);
        r = parse_words(o, &s->type, &s->detail);
        if (r < 0)
                return r;
        r = json_member_object(o, "identifier", &identifier);
        if (r >= 0) {
                json_drop_nulls(identifier);
                r = json_member_text(identifier, "value", ACME_IDENTIFIER_MAX, &s->identifier);
        }
        return json_optional(r);
}

static int parse_subproblems(struct json_object *o, AcmeProblem *p) {
        struct json_object *list;
        int r;

        r = json_member_array(o, "subproblems", ACME_SUBPROBLEMS_MAX, &list);
        if (r < 0)
                return json_optional(r);

        size_t n = json_object_array_length(list);
        p->subproblems = calloc(n > 0 ? n : 1, sizeof(AcmeSubproblem));
        if (!p->subproblems)
                return -ENOMEM;
        for (; p->n_subproblems < n; p->n_subproblems++) {
                AcmeSubproblem *s = &p->subproblems[p->n_subproblems];
                r = parse_subproblem(json_object_array_get_idx(list, p->n_subproblems), s);
                if (r < 0) {
                        subproblem_done(s);
                        return r;
                }
        }
        return 0;
}

int acme_problem_from_json(struct json_object *o, AcmeProblem *ret) {
        _cleanup_acme_problem_ AcmeProblem p = {};
        int r;

        json_drop_nulls(o);
        r = parse_words(o, &p.type, &p.detail);
        if (r < 0)
                return r;
        r = parse_subproblems(o, &p);
        if (r < 0)
                return r;
        *ret = TAKE_GENERIC(p, (AcmeProblem) {});
        return 0;
}

int acme_problem_parse(ByteView body, AcmeProblem *ret) {
        _cleanup_json_ struct json_object *o = NULL;
        int r;

        if (body.size > ACME_PROBLEM_BODY_MAX)
                return -E2BIG;
        r = json_parse_strict(body, ACME_PROBLEM_DEPTH_MAX, &o);
        return r < 0 ? r : acme_problem_from_json(o, ret);
}

static const char *short_type(const char *type) {
        size_t n = strlen(ACME_ERROR_PREFIX);

        return strncmp(type, ACME_ERROR_PREFIX, n) == 0 ? type + n : type;
}

bool acme_problem_is(const AcmeProblem *p, const char *name) {
        const char *type = p->type ? short_type(p->type) : "";

        return type != p->type && strcmp(type, name) == 0;
}

static const char *separator(const char *a, const char *b) {
        return *a && *b ? ": " : "";
}

int acme_problem_to_text(const AcmeProblem *p, char **ret) {
        _cleanup_free_ char *text = NULL;
        const char *type = short_type(p->type ? p->type : ""), *detail = p->detail ? p->detail : "";

        if (asprintf(&text, "%s%s%s", type, separator(type, detail), detail) < 0) {
                text = NULL;
                return -ENOMEM;
        }
        for (size_t i = 0; i < p->n_subproblems; i++) {
                const AcmeSubproblem *s = &p->subproblems[i];
                const char *t = short_type(s->type);
                char *longer;

                if (asprintf(&longer, "%s%s%s%s%s%s%s%s", text, i == 0 ? " (" : "; ", t,
                             separator(t, s->detail), s->detail, s->identifier ? " for " : "",
                             s->identifier ? s->identifier : "", i + 1 == p->n_subproblems ? ")" : "") < 0)
                        return -ENOMEM;
                free(text);
                text = longer;
        }
        *ret = TAKE_PTR(text);
        return 0;
}
