/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdio.h>

#include "cli/ca-trust.h"

static int add_text(struct json_object *o, const char *key, const char *text) {
        struct json_object *s = text ? json_object_new_string(text) : NULL;

        return !text ? 0 : !s ? -ENOMEM : json_object_object_add(o, key, s);
}

static int add_number(struct json_object *o, const char *key, int64_t n) {
        struct json_object *v = json_object_new_int64(n);

        return v ? json_object_object_add(o, key, v) : -ENOMEM;
}

static int add_names(struct json_object *o, const TrustItem *i) {
        char name[TRUST_NAME_TEXT];
        CertificateParts parts;

        int r = certificate_parts(bytes_view(&i->der), &parts);
        if (r >= 0)
                r = add_text(o, "subject", trust_name(parts.subject, name));
        return r < 0 ? r : add_text(o, "issuer", trust_name(parts.issuer, name));
}

static int describe(const TrustItem *i, struct json_object **ret) {
        _cleanup_json_ struct json_object *o = json_object_new_object();
        int r;

        if (!o)
                return -ENOMEM;
        if ((r = add_text(o, "fingerprint", i->fingerprint)) < 0 ||
            (r = add_text(o, "kind", trust_kind(i->issuer))) < 0 || (r = add_names(o, i)) < 0)
                return r;
        if (i->issuer && ((r = add_text(o, "vendor", i->issuer->vendor)) < 0 ||
                          (r = add_number(o, "not-before", i->issuer->not_before)) < 0 ||
                          (r = add_number(o, "not-after", i->issuer->not_after)) < 0))
                return r;
        if (i->kept && ((r = add_text(o, "source", i->source)) < 0 || (r = add_number(o, "uid", i->uid)) < 0 ||
                        (r = add_number(o, "added", i->added)) < 0))
                return r;
        r = add_text(o, "path", i->path);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(o);
        return 0;
}

static int print_json(const TrustView *v) {
        _cleanup_json_ struct json_object *list = json_object_new_array();

        if (!list)
                return cli_failed(-ENOMEM, "make JSON");
        for (size_t i = 0; i < v->n; i++) {
                struct json_object *o;

                int r = describe(&v->items[i], &o);
                if (r < 0 || json_object_array_add(list, o) < 0)
                        return cli_failed(r < 0 ? r : -ENOMEM, "make JSON");
        }
        return cli_print_json(list);
}

static void print_item(const TrustItem *i) {
        char name[TRUST_NAME_TEXT], until[CLI_TIME_MAX], added[CLI_TIME_MAX];
        CertificateParts parts;

        if (certificate_parts(bytes_view(&i->der), &parts) < 0)
                return;
        printf("%s  %-12s  %-5s  %s\n", i->fingerprint, trust_kind(i->issuer),
               i->issuer && i->issuer->vendor[0] ? i->issuer->vendor : "-", trust_name(parts.subject, name));
        printf("    %s%s", i->issuer ? "until " : "",
               i->issuer ? cli_format_time(i->issuer->not_after, until) : "does not count, wherever else it is");
        if (i->path) {
                printf("; in ");
                cli_put_text(stdout, i->path);
        }
        if (i->kept) {
                printf("; %s %s by uid %" PRIi64 " from ", i->issuer ? "added" : "said",
                       cli_format_time(i->added, added), i->uid);
                cli_put_text(stdout, i->source[0] ? i->source : "-");
        }
        putchar('\n');
}

int verb_ca_trust_list(Cli *c, int argc, char **argv) {
        _cleanup_trust_view_ TrustView v = {};
        const char *directory = NULL;
        unsigned roots = 0;
        const CliOption options[] = {
                { "ek-roots", CLI_TEXT, &directory, "DIR", "Look at this directory and nothing else" },
                {},
        };

        cli_parse(c, argc, argv, options, 0, 0);
        int status = trust_view_load(c, directory, &v);
        if (status != EXIT_SUCCESS)
                return status;
        if (c->json)
                return print_json(&v);
        for (size_t i = 0; i < v.n; i++) {
                print_item(&v.items[i]);
                roots += v.items[i].issuer && v.items[i].issuer->anchor;
        }
        printf("%zu certificates, %u of them roots", v.n, roots);
        if (v.n_skipped > 0)
                printf("; %u files are left out", v.n_skipped);
        printf(".\n");
        return EXIT_SUCCESS;
}
