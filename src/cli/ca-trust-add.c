/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <stdio.h>
#include <sys/stat.h>

#include "cli/ca-trust.h"
#include "shared/files.h"

#define FILES_MAX 256U /* of "ca trust add" */
#define DIRECTORY_DEPTH_MAX 8U
#define PROGRESS_EVERY 100U

/* --- Asking --- */

static void show_root(const TrustCandidate *t) {
        char name[TRUST_NAME_TEXT], until[CLI_TIME_MAX];
        const EkIssuer *i = t->issuer;

        fprintf(stderr, "  %s\n      %s\n      %s%s%suntil %s, from ", t->fingerprint,
                trust_name(i->parts.subject, name), trust_kind(i), i->vendor[0] ? " for TPMs of " : "", i->vendor[0] ? tpm_vendor_title(i->vendor) : "",
                cli_format_time(i->not_after, until));
        cli_put_text(stderr, t->source);
        fputc('\n', stderr);
}

/* Whoever trusts a root trusts what it signs: that is said by somebody who has seen which one it is. */
static int confirm(const TrustCollector *t, bool yes) {
        size_t roots = 0;

        for (size_t i = 0; i < t->n; i++)
                roots += t->candidates[i].issuer->anchor;
        if (roots == 0)
                return EXIT_SUCCESS;
        fprintf(stderr, "New roots, by the SHA-256 fingerprint of the certificate:\n");
        for (size_t i = 0; i < t->n; i++)
                if (t->candidates[i].issuer->anchor)
                        show_root(&t->candidates[i]);
        if (yes)
                return EXIT_SUCCESS;
        if (!cli_confirm_can_ask()) {
                log_error("Nobody is here to say yes: compare the fingerprints with those that the vendor publishes, "
                          "and say --yes.");
                return EXIT_FAILURE;
        }
        return cli_confirm("Every TPM whose EK certificate one of them has signed will be believed. Trust %s?",
                           roots == 1 ? "it" : "them") ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* --- Sending --- */

static int append_arguments(sd_bus_message *m, const TrustCandidate *t, bool anchor) {
        const EkIssuer *i = t->issuer;
        char source[TRUST_SOURCE_MAX + 1];

        (void) snprintf(source, sizeof(source), "%s", t->source);
        int r = sd_bus_message_append_array(m, 'y', t->der.data, t->der.size);
        return r < 0 ? r : sd_bus_message_append(m, "a{sv}", 3, "vendor", "s", i->vendor, "anchor", "b", (int) anchor,
                                                 "source", "s", source);
}

static int send_one(Cli *c, const TrustCandidate *t, bool anchor) {
        _cleanup_message_ sd_bus_message *m = NULL, *reply = NULL;

        int status = cli_new_call(c, ATTEZT_SERVER_INTERFACE, "AddTrust", &m);
        if (status != EXIT_SUCCESS)
                return status;
        int r = append_arguments(m, t, anchor);
        return r < 0 ? cli_failed(r, "make a message") : cli_call(c, m, &reply);
}

static int send_all(Cli *c, const TrustCollector *t, size_t *ret_n) {
        bool progress = t->n > PROGRESS_EVERY && isatty(STDERR_FILENO);
        int status = EXIT_SUCCESS;

        for (*ret_n = 0; *ret_n < t->n && status == EXIT_SUCCESS;) {
                status = send_one(c, &t->candidates[*ret_n], t->anchor);
                *ret_n += status == EXIT_SUCCESS;
                if (progress && *ret_n % PROGRESS_EVERY == 0)
                        fprintf(stderr, "\r%zu of %zu", *ret_n, t->n);
        }
        if (progress)
                fputc('\n', stderr);
        return status;
}

/* --- Telling --- */

static int print_json(const TrustCollector *t, size_t n) {
        _cleanup_json_ struct json_object *o = json_object_new_object(), *added = json_object_new_array();

        for (size_t i = 0; i < n && added; i++)
                (void) json_object_array_add(added, json_object_new_string(t->candidates[i].fingerprint));
        if (!o || !added || json_object_object_add(o, "added", json_object_get(added)) < 0 ||
            json_object_object_add(o, "known", json_object_new_int64(t->n_known)) < 0 ||
            json_object_object_add(o, "skipped", json_object_get(t->skipped)) < 0)
                return cli_failed(-ENOMEM, "make JSON");
        return cli_print_json(o);
}

static int finish(Cli *c, const TrustCollector *t, bool yes) {
        size_t n = 0, roots = 0;

        int status = confirm(t, yes);
        if (status == EXIT_SUCCESS)
                status = send_all(c, t, &n);
        for (size_t i = 0; i < n; i++)
                roots += t->candidates[i].issuer->anchor;
        if (status != EXIT_SUCCESS && n == 0)
                return status;
        if (c->json)
                (void) print_json(t, n);
        else
                printf("Added %zu certificates, %zu of them roots; %u were there already, %u were left out.\n", n,
                       roots, t->n_known, t->n_skipped);
        if (status == EXIT_SUCCESS && n == 0 && t->n_known == 0) {
                log_error("There is nothing in it that can be trusted.");
                return EXIT_FAILURE;
        }
        return status;
}

/* --- Reading --- */

static int collect_file(TrustCollector *t, const char *path, const char *folder) {
        _cleanup_bytes_ Bytes content = BYTES_NULL;

        int r = file_read(path, TRUST_STORE_FILE_MAX, &content);
        if (r == -ENOMEM)
                return r;
        if (r < 0) {
                trust_collect_skip(t, path, r);
                return 0;
        }
        return trust_collect(t, path, folder, bytes_view(&content));
}

static int collect_directory(TrustCollector *t, const char *path, const char *folder, unsigned depth);

/* Links are not followed: what is in the folder is meant, and nothing else. */
static int collect_entry(TrustCollector *t, const char *path, const char *name, const char *folder, unsigned depth) {
        _cleanup_free_ char *below = NULL, *as_path = NULL, *vendor = NULL;
        struct stat st;

        int r = path_join(path, name, &below);
        if (r < 0)
                return r;
        if (lstat(below, &st) < 0)
                return errno == ENOENT ? 0 : -errno;
        if (S_ISREG(st.st_mode))
                return collect_file(t, below, folder);
        if (!S_ISDIR(st.st_mode))
                return 0;
        if (depth == DIRECTORY_DEPTH_MAX) {
                trust_collect_skip(t, below, -ELOOP);
                return 0;
        }
        if (!folder && asprintf(&as_path, "%s/", name) < 0)
                return -ENOMEM;
        r = as_path ? trust_vendor_folder(as_path, &vendor) : 0;
        return r < 0 ? r : collect_directory(t, below, folder ?: vendor, depth + 1);
}

static void closedirp(DIR **d) {
        if (*d)
                (void) closedir(*d);
}

static int collect_directory(TrustCollector *t, const char *path, const char *folder, unsigned depth) {
        _cleanup_(closedirp) DIR *d = opendir(path);
        if (!d) {
                trust_collect_skip(t, path, -errno);
                return 0;
        }
        for (struct dirent *de; (errno = 0, de = readdir(d));) {
                if (de->d_name[0] == '.')
                        continue;
                int r = collect_entry(t, path, de->d_name, folder, depth);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* --- The verbs --- */

typedef struct Arguments {
        const char *vendor;
        bool anchor, yes;
} Arguments;

static int begin(Cli *c, const Arguments *a, TrustView *v, TrustCollector *t) {
        char vendor[TPM_VENDOR_MAX_NAME];

        if (a->vendor && (!a->vendor[0] || trust_vendor_parse(a->vendor, vendor) < 0))
                cli_usage(c, "A vendor has 1 to 31 of A-Z a-z 0-9 . _ - and begins with a letter or digit.");
        int status = trust_view_load(c, NULL, v);
        if (status != EXIT_SUCCESS)
                return status;
        int r = trust_collector_init(t, v);
        t->vendor = a->vendor;
        t->anchor = a->anchor;
        return r < 0 ? cli_failed(r, "read certificates") : EXIT_SUCCESS;
}

#define OPTION_VENDOR(a) \
        { "vendor", CLI_TEXT, &(a).vendor, "VENDOR", "Whose TPMs they are for, such as Infineon or STM" }
#define OPTION_YES(a) { "yes", CLI_FLAG, &(a).yes, NULL, "Ask nothing: for scripts" }

int verb_ca_trust_add(Cli *c, int argc, char **argv) {
        _cleanup_trust_view_ TrustView v = {};
        _cleanup_trust_collector_ TrustCollector t = {};
        Arguments a = {};
        const CliOption options[] = {
                OPTION_VENDOR(a),
                { "anchor", CLI_FLAG, &a.anchor, NULL, "Trust as roots what others have signed" },
                OPTION_YES(a),
                {},
        };

        cli_parse(c, argc, argv, options, 1, FILES_MAX);
        int status = begin(c, &a, &v, &t);
        if (status != EXIT_SUCCESS)
                return status;
        for (int i = 0; i < c->n_operands; i++) {
                int r = collect_file(&t, c->operands[i], NULL);
                if (r < 0)
                        return cli_failed(r, "read certificates");
        }
        return finish(c, &t, a.yes);
}

int verb_ca_trust_import(Cli *c, int argc, char **argv) {
        _cleanup_trust_view_ TrustView v = {};
        _cleanup_trust_collector_ TrustCollector t = {};
        Arguments a = {};
        struct stat st;
        const CliOption options[] = { OPTION_VENDOR(a), OPTION_YES(a), {} };

        cli_parse(c, argc, argv, options, 1, 1);
        const char *path = c->operands[0];
        int status = begin(c, &a, &v, &t);
        if (status == EXIT_SUCCESS && stat(path, &st) >= 0 && S_ISDIR(st.st_mode)) {
                int r = collect_directory(&t, path, NULL, 1);
                status = r < 0 ? cli_failed(r, "read certificates") : EXIT_SUCCESS;
        } else if (status == EXIT_SUCCESS)
                status = trust_collect_archive(&t, path);
        return status == EXIT_SUCCESS ? finish(c, &t, a.yes) : status;
}
