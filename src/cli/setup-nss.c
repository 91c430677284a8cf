/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <sys/wait.h>

#include "cli/setup.h"
#include "protocol/nss-modules.h"
#include "shared/files.h"

#define MODULE_NAME SETUP_NAME "-p11-kit"

/* By NSS's own tool: an empty database without a password, as browsers make it. */
static int make_database(const char *dir) {
        _cleanup_free_ char *where = NULL;
        int status = -1;

        if (asprintf(&where, "sql:%s", dir) < 0) {
                where = NULL;
                return -ENOMEM;
        }
        int r = dir_make_parents(dir, 0700);
        if (r < 0)
                return r;
        pid_t pid = fork();
        if (pid < 0)
                return -errno;
        if (pid == 0) {
                execlp("certutil", "certutil", "-N", "--empty-password", "-d", where, (char *) NULL);
                _exit(errno == ENOENT ? 127 : 1);
        }
        if (waitpid(pid, &status, 0) < 0)
                return -errno;
        return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 :
               WIFEXITED(status) && WEXITSTATUS(status) == 127 ? -ENOPKG : -EIO;
}

static int need_database(const char *dir, const char *path, bool dry_run) {
        if (access(path, F_OK) >= 0)
                return EXIT_SUCCESS;
        if (dry_run) {
                fprintf(stderr, "An NSS database would be made in %s.\n", dir);
                return EXIT_SUCCESS;
        }
        int r = make_database(dir);
        if (r == -ENOPKG)
                log_error("There is no NSS database in %s yet, and no certutil to make one: start Chromium once, or "
                          "install certutil (Debian: apt install libnss3-tools).", dir);
        else if (r < 0)
                log_error_errno(r, "Could not make an NSS database in %s: %m", dir);
        return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* Some module that shows what p11-kit knows is enough, whoever has added it, if its library is there. */
static bool is_there(ByteView file, const char *proxy) {
        _cleanup_free_ char *ours = NULL, *library = NULL;

        if (nss_modules_find(file, MODULE_NAME, &ours) >= 0)
                return strcmp(ours, proxy) == 0;
        return nss_modules_find_library(file, SETUP_PROXY, &library) >= 0 && access(library, R_OK) >= 0;
}

static int with_module(ByteView file, const char *proxy, Bytes *ret) {
        _cleanup_bytes_ Bytes without = BYTES_NULL;

        if (is_there(file, proxy))
                return bytes_copy(file, ret);
        int r = nss_modules_remove(file, MODULE_NAME, &without);
        if (r < 0 && r != -ENOENT)
                return r;
        return nss_modules_add(r < 0 ? file : bytes_view(&without), MODULE_NAME, proxy, ret);
}

static int without_module(ByteView file, Bytes *ret) {
        int r = nss_modules_remove(file, MODULE_NAME, ret);
        return r == -ENOENT ? bytes_copy(file, ret) : r;
}

static int add(const Cli *c, const char *dir, const char *path, bool dry_run) {
        _cleanup_setup_file_ SetupFile f = {};
        _cleanup_bytes_ Bytes content = BYTES_NULL;
        _cleanup_free_ char *proxy = NULL;

        int status = setup_find_proxy(&proxy);
        if (status == EXIT_SUCCESS)
                status = need_database(dir, path, dry_run);
        if (status == EXIT_SUCCESS)
                status = setup_read(path, NSS_MODULES_MAX, &f);
        if (status != EXIT_SUCCESS || (dry_run && f.content.size == 0))
                return status;
        int r = with_module(bytes_view(&f.content), proxy, &content);
        if (r < 0)
                return setup_refuse(&f, r);
        status = setup_write(c, &f, bytes_view(&content), dry_run);
        if (status == EXIT_SUCCESS && !dry_run && !c->json)
                fputs("Programs that run already see the token when they are started again.\n", stderr);
        return status;
}

static int take_back(const Cli *c, const char *path, bool dry_run) {
        _cleanup_setup_file_ SetupFile f = {};
        _cleanup_bytes_ Bytes content = BYTES_NULL;

        int status = setup_read(path, NSS_MODULES_MAX, &f);
        if (status != EXIT_SUCCESS)
                return status;
        int r = without_module(bytes_view(&f.content), &content);
        return r < 0 ? setup_refuse(&f, r) : setup_write(c, &f, bytes_view(&content), dry_run);
}

/* Where this user has it, or as --database says. */
static int find_database(const char *option, char **ret) {
        _cleanup_free_ char *dir = NULL;
        int r = 0;

        if (!option)
                r = setup_nss_directory(&dir);
        return r < 0 ? cli_failed(r, "find this user's NSS database") :
                       setup_own_place(option ? option : dir, option, ret);
}

int verb_setup_nss(Cli *c, int argc, char **argv) {
        _cleanup_free_ char *dir = NULL, *path = NULL;
        const char *option = NULL;
        bool removal = false, dry_run = false;
        const CliOption options[] = {
                { "database", CLI_TEXT, &option, "DIR", "The NSS database, else the one in this user's ~/.pki/nssdb" },
                { "remove", CLI_FLAG, &removal, NULL, "Take it back" },
                { "dry-run", CLI_FLAG, &dry_run, NULL, "Only show what would be written" },
                {},
        };

        cli_parse(c, argc, argv, options, 0, 0);
        int status = find_database(option, &dir);
        if (status != EXIT_SUCCESS)
                return status;
        int r = path_join(dir, NSS_MODULES_FILE, &path);
        if (r < 0)
                return cli_failed(r, "name a file");
        return removal ? take_back(c, path, dry_run) : add(c, dir, path, dry_run);
}
