/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <strings.h>

#include "cli/ca-trust.h"

#define SKIPPED_TOLD_MAX 20U /* then only how many; --json and --verbose have all */

void trust_collector_done(TrustCollector *c) {
        for (size_t i = 0; i < c->n; i++)
                free(c->candidates[i].source);
        free(c->candidates);
        ek_trust_free(c->found);
        json_object_put(c->skipped);
        *c = (TrustCollector) {};
}

int trust_collector_init(TrustCollector *c, const TrustView *view) {
        *c = (TrustCollector) { .view = view, .skipped = json_object_new_array() };
        return c->skipped ? ek_trust_new(&c->found) : -ENOMEM;
}

void trust_collect_skip(TrustCollector *c, const char *name, int error) {
        struct json_object *o = json_object_new_object();
        char escaped[LOG_ESCAPED_MAX];

        (void) log_escape(name, strlen(name), escaped);
        if (o) {
                (void) json_object_object_add(o, "name", json_object_new_string(escaped));
                (void) json_object_object_add(o, "reason", json_object_new_string(trust_error_text(error)));
                (void) json_object_array_add(c->skipped, o);
        }
        if (c->n_skipped++ < SKIPPED_TOLD_MAX)
                log_warning("%s is left out: %s.", escaped, trust_error_text(error));
        else
                log_debug("%s is left out: %s.", escaped, trust_error_text(error));
}

/* One file, while its certificates are taken. */
typedef struct File {
        TrustCollector *collector;
        const char *name;
        EkOrigin origin;
        unsigned n; /* certificates */
} File;

static int append(TrustCollector *c, const File *f, const EkIssuer *issuer) {
        TrustCandidate t = { .der = issuer->parts.der, .issuer = issuer };
        char escaped[LOG_ESCAPED_MAX];

        TrustCandidate *more = reallocarray(c->candidates, c->n + 1, sizeof(*more));
        if (!more)
                return -ENOMEM;
        c->candidates = more;
        trust_fingerprint(t.der, t.fingerprint);
        t.source = strdup(log_escape(f->name, strlen(f->name), escaped));
        if (!t.source)
                return -ENOMEM;
        more[c->n++] = t;
        return 0;
}

static bool is_known(const TrustCollector *c, const char *fingerprint) {
        const TrustItem *i = trust_view_find(c->view, fingerprint);

        return i && i->issuer && (i->issuer->anchor || !c->anchor);
}

static int take(ByteView der, void *userdata) {
        File *f = userdata;
        TrustCollector *c = f->collector;
        char fingerprint[TRUST_FINGERPRINT_TEXT + 1];
        const EkIssuer *issuer;

        f->n++;
        trust_fingerprint(der, fingerprint);
        if (is_known(c, fingerprint)) {
                c->n_known++;
                return 0;
        }
        if (c->n >= TRUST_CANDIDATES_MAX)
                return -E2BIG;
        int r = ek_trust_add(c->found, der, &f->origin, &issuer);
        if (r == -EEXIST) /* in two files, which is no mistake */
                return 0;
        return r < 0 ? r : append(c, f, issuer);
}

int trust_collect(TrustCollector *c, const char *name, const char *folder, ByteView content) {
        char vendor[TPM_VENDOR_MAX_NAME] = "";
        File f = { .collector = c, .name = name, .origin = { .vendor = vendor, .anchor = c->anchor } };

        if (trust_vendor_parse(c->vendor ?: folder ?: "", vendor) < 0)
                vendor[0] = 0; /* a folder that is called like no vendor */
        int r = trust_store_each(content, take, &f);
        if (r == -ENOMEM)
                return r;
        if (r >= 0 && f.n > 0)
                return 0;
        _cleanup_free_ char *part = NULL;
        if (f.n > 1 && asprintf(&part, "a certificate in %s", name) < 0)
                return -ENOMEM;
        trust_collect_skip(c, part ?: name, r < 0 ? r : -EINVAL);
        return 0;
}

int trust_vendor_folder(const char *path, char **ret) {
        static const char *const others[] = { "RootCA", "IntermediateCA", ".", ".." };

        for (const char *end; (end = strchr(path, '/')); path = end + 1) {
                size_t n = (size_t) (end - path);
                bool other = n == 0;

                for (size_t i = 0; i < ELEMENTSOF(others); i++)
                        other |= strlen(others[i]) == n && strncasecmp(others[i], path, n) == 0;
                if (other)
                        continue;
                *ret = strndup(path, n);
                return *ret ? 0 : -ENOMEM;
        }
        *ret = NULL;
        return 0;
}
