/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <stdio.h>
#include <sys/stat.h>

#include "cli/setup.h"
#include "protocol/browser-policy.h"
#include "shared/files.h"

#define PATTERNS_MAX 64
#define POLICY "\"AutoSelectCertificateForUrls\""

/* "https://host/" is what people type; Chromium wants a server. */
static int read_patterns(Cli *c, const char **ret) {
        for (int i = 0; i < c->n_operands; i++) {
                size_t n = strlen(c->operands[i]);

                if (n > 0 && c->operands[i][n - 1] == '/')
                        c->operands[i][n - 1] = 0;
                if (!chromium_pattern_valid(c->operands[i]))
                        cli_usage(c, "\"%.80s\" is no pattern for a server: https://HOST, https://HOST:PORT or "
                                  "https://[*.]DOMAIN, without a path.", c->operands[i]);
                ret[i] = c->operands[i];
        }
        return c->n_operands;
}

int setup_chromium_rival(const char *dir, char **ret) {
        struct dirent **entries;
        int found = 0;

        int n = scandir(dir, &entries, NULL, alphasort);
        for (int i = 0; i < n; i++) {
                _cleanup_bytes_ Bytes content = BYTES_NULL;
                _cleanup_free_ char *path = NULL;

                if (!found && *entries[i]->d_name != '.' && strcmp(entries[i]->d_name, CHROMIUM_POLICY_FILE) != 0 &&
                    path_join(dir, entries[i]->d_name, &path) >= 0 &&
                    file_read(path, BROWSER_POLICY_MAX, &content) >= 0 && content.data &&
                    memmem(content.data, content.size, POLICY, strlen(POLICY))) {
                        *ret = TAKE_PTR(path);
                        found = 1;
                }
                free(entries[i]);
        }
        if (n >= 0)
                free(entries);
        return found;
}

static int add(const Cli *c, const char *dir, const SetupFile *f, const char *const *patterns, bool dry_run) {
        _cleanup_bytes_ Bytes content = BYTES_NULL;
        _cleanup_free_ char *issuer = NULL, *rival = NULL;

        int r = setup_issuer(&issuer);
        if (r < 0) {
                log_error_errno(r, "The issuer of this device's certificate is not known (%m): enrol it first, with "
                                "\"attezt enroll\".");
                return r == -ENOENT ? EXIT_NOT_ENROLLED : EXIT_FAILURE;
        }
        /* It must not lose its policy to ours. */
        if (setup_chromium_rival(dir, &rival) > 0) {
                log_error("%s has the policy AutoSelectCertificateForUrls already, and Chromium takes it from one "
                          "file only. Add to that file what \"attezt setup chromium --dry-run\" shows, or move its "
                          "rules into %s/%s.", rival, dir, CHROMIUM_POLICY_FILE);
                if (!dry_run)
                        return EXIT_FAILURE;
        }
        r = chromium_policy_add(bytes_view(&f->content), patterns, (size_t) c->n_operands, issuer, &content);
        return r < 0 ? setup_refuse(f, r) : setup_write(c, f, bytes_view(&content), dry_run);
}

static int take_back(const Cli *c, const SetupFile *f, const char *const *patterns, bool dry_run) {
        _cleanup_bytes_ Bytes content = BYTES_NULL;

        int r = chromium_policy_remove(bytes_view(&f->content), patterns, (size_t) c->n_operands, &content);
        return r < 0 ? setup_refuse(f, r) : setup_write(c, f, bytes_view(&content), dry_run);
}

int verb_setup_chromium(Cli *c, int argc, char **argv) {
        _cleanup_setup_file_ SetupFile f = {};
        _cleanup_free_ char *path = NULL;
        const char *patterns[PATTERNS_MAX], *dir = CHROMIUM_POLICIES;
        bool removal = false, dry_run = false, chrome = false;
        const CliOption options[] = {
                { "chrome", CLI_FLAG, &chrome, NULL, "For Google Chrome instead of Chromium" },
                { "remove", CLI_FLAG, &removal, NULL, "Take it back: for these URLs, or without any for all" },
                { "dry-run", CLI_FLAG, &dry_run, NULL, "Only show what would be written" },
                {},
        };

        cli_parse(c, argc, argv, options, 0, PATTERNS_MAX);
        (void) umask(0022); /* policies are for every user to read, and the directories made for them */
        if (c->n_operands == 0 && !removal)
                cli_usage(c, "Name the servers that want this device's certificate, as in "
                          "https://intranet.example.org.");
        (void) read_patterns(c, patterns);
        if (chrome)
                dir = CHROME_POLICIES;
        int r = path_join(dir, CHROMIUM_POLICY_FILE, &path);
        if (r < 0)
                return cli_failed(r, "name a file");
        int status = setup_read(path, BROWSER_POLICY_MAX, &f);
        if (status != EXIT_SUCCESS)
                return status;
        return removal ? take_back(c, &f, patterns, dry_run) : add(c, dir, &f, patterns, dry_run);
}
