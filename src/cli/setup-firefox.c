/* SPDX-License-Identifier: MIT */
#include <sys/stat.h>

#include "cli/setup.h"
#include "protocol/browser-policy.h"
#include "protocol/json-scan.h"

/* A file below /etc makes Firefox forget the one that came with it: what that one says is taken over. */
static int read_base(const SetupFile *f, SetupFile *ret) {
        const char *distribution = setup_firefox_distribution();

        return f->content.size == 0 && distribution ? setup_read(distribution, BROWSER_POLICY_MAX, ret) : EXIT_SUCCESS;
}

static int add(const Cli *c, const SetupFile *f, bool dry_run) {
        _cleanup_setup_file_ SetupFile base = {};
        _cleanup_bytes_ Bytes content = BYTES_NULL;
        _cleanup_free_ char *proxy = NULL, *there = NULL;

        int status = setup_find_proxy(&proxy);
        if (status == EXIT_SUCCESS)
                status = read_base(f, &base);
        if (status != EXIT_SUCCESS)
                return status;
        const SetupFile *from = base.content.size > 0 ? &base : f;
        if (firefox_policy_get(bytes_view(&f->content), SETUP_NAME, &there) >= 0 && strcmp(there, proxy) == 0)
                return setup_write(c, f, bytes_view(&f->content), dry_run);
        int r = firefox_policy_add(bytes_view(&from->content), SETUP_NAME, proxy, &content);
        return r < 0 ? setup_refuse(from, r) : setup_write(c, f, bytes_view(&content), dry_run);
}

/* Nothing but what was taken over: then Firefox's own file is to count again. */
static bool equals_distribution(ByteView content) {
        _cleanup_json_ struct json_object *a = NULL, *b = NULL;
        _cleanup_setup_file_ SetupFile base = {};
        const char *distribution = setup_firefox_distribution();

        if (!distribution || setup_read(distribution, BROWSER_POLICY_MAX, &base) != EXIT_SUCCESS)
                return false;
        return json_parse_strict(content, JSON_DEPTH_MAX, &a) >= 0 &&
               json_parse_strict(bytes_view(&base.content), JSON_DEPTH_MAX, &b) >= 0 && json_object_equal(a, b);
}

static int take_back(const Cli *c, const SetupFile *f, bool dry_run) {
        _cleanup_bytes_ Bytes content = BYTES_NULL;
        _cleanup_free_ char *there = NULL;

        int r = firefox_policy_remove(bytes_view(&f->content), SETUP_NAME, &content);
        if (r < 0)
                return setup_refuse(f, r);
        bool ours = firefox_policy_get(bytes_view(&f->content), SETUP_NAME, &there) >= 0;
        return setup_write(c, f, ours && equals_distribution(bytes_view(&content)) ? VIEW_NULL : bytes_view(&content),
                           dry_run);
}

int verb_setup_firefox(Cli *c, int argc, char **argv) {
        _cleanup_setup_file_ SetupFile f = {};
        bool removal = false, dry_run = false;
        const CliOption options[] = {
                { "remove", CLI_FLAG, &removal, NULL, "Take it back" },
                { "dry-run", CLI_FLAG, &dry_run, NULL, "Only show what would be written" },
                {},
        };

        cli_parse(c, argc, argv, options, 0, 0);
        (void) umask(0022); /* policies are for every user to read, and the directories made for them */
        int status = setup_read(FIREFOX_POLICY_FILE, BROWSER_POLICY_MAX, &f);
        if (status != EXIT_SUCCESS)
                return status;
        return removal ? take_back(c, &f, dry_run) : add(c, &f, dry_run);
}
