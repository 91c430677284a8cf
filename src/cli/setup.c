/* SPDX-License-Identifier: MIT */
#include "cli/setup.h"

#include <stdio.h>
#include <sys/stat.h>

#include "protocol/certificate-view.h"
#include "shared/files.h"

#define CERTIFICATE_FILE ATTEZT_AGENT_STATE_DIR "/device.crt"

void setup_file_done(SetupFile *f) {
        free(f->path);
        bytes_done(&f->content);
        *f = (SetupFile) {};
}

int setup_read(const char *path, size_t max, SetupFile *ret) {
        _cleanup_setup_file_ SetupFile f = { .path = realpath(path, NULL) };
        int r = 0;

        if (!f.path && errno != ENOENT)
                r = -errno;
        else if (f.path)
                r = file_read(f.path, max, &f.content);
        else
                f.path = strdup(path);
        if (r >= 0 && !f.path)
                r = -ENOMEM;
        if (r < 0) {
                log_error_errno(r, "Could not read %s: %m", path);
                return r == -EACCES ? EXIT_DENIED : EXIT_FAILURE;
        }
        *ret = TAKE_GENERIC(f, (SetupFile) {});
        return EXIT_SUCCESS;
}

int setup_refuse(const SetupFile *f, int error) {
        if (error == -EBADMSG)
                log_error("%s is not in the form that is known here. It is left as it is; mend it, or do it by hand.",
                          f->path);
        else if (error == -E2BIG)
                log_error("%s holds numbers, or so much, that it could not be written back as it is. It is left "
                          "alone; do it by hand.", f->path);
        else
                log_error_errno(error, "Could not change %s: %m", f->path);
        return EXIT_FAILURE;
}

/* --- Writing --- */

/* The owner of before, when root writes. */
static void keep_owner(const char *path, const struct stat *st) {
        if (geteuid() == 0 && st->st_uid != 0)
                (void) !lchown(path, st->st_uid, st->st_gid);
}

static int replace(const char *path, ByteView content) {
        _cleanup_free_ char *dir = NULL;
        struct stat st = { .st_mode = 0644 };
        int r;

        if (content.size == 0)
                return unlink(path) < 0 ? -errno : dir_fsync_parent(path);
        bool there = stat(path, &st) >= 0;
        r = path_parent(path, &dir);
        if (r >= 0)
                r = dir_make_parents(dir, 0755);
        if (r >= 0)
                r = file_write_atomic_path(path, st.st_mode & 07777, content);
        if (r >= 0 && there)
                keep_owner(path, &st);
        return r;
}

static int tell(const Cli *c, const SetupFile *f, const char *what) {
        _cleanup_json_ struct json_object *o = NULL;
        int r;

        if (!c->json) {
                fprintf(stderr, "%s: %s.\n", f->path, what);
                return EXIT_SUCCESS;
        }
        if ((r = json_new_object(&o)) < 0 || (r = json_add_text(o, "file", f->path)) < 0 ||
            (r = json_add_text(o, "done", what)) < 0)
                return cli_failed(r, "make JSON");
        return cli_print_json(o);
}

int setup_write(const Cli *c, const SetupFile *f, ByteView content, bool dry_run) {
        if (view_equal(content, bytes_view(&f->content)))
                return tell(c, f, "nothing to change");
        if (dry_run) {
                fprintf(stderr, "%s would %s\n", f->path, content.size > 0 ? "be:" : "be removed.");
                return fwrite(content.data ? content.data : (const uint8_t *) "", 1, content.size,
                              stdout) == content.size ?
                               EXIT_SUCCESS : EXIT_FAILURE;
        }
        int r = replace(f->path, content);
        if (r < 0) {
                log_error_errno(r, "Could not write %s: %m", f->path);
                return r == -EACCES ? EXIT_DENIED : EXIT_FAILURE;
        }
        return tell(c, f, content.size == 0 ? "removed" : f->content.size == 0 ? "written" : "changed");
}

/* --- What is written --- */

int setup_find_proxy(char **ret) {
        static const char *const places[] = {
                ATTEZT_SYSTEM_LIBDIR "/" SETUP_PROXY,
                "/usr/lib64/" SETUP_PROXY,
                "/usr/lib/" SETUP_PROXY,
        };

        for (size_t i = 0; i < ELEMENTSOF(places); i++)
                if (access(places[i], R_OK) >= 0) {
                        *ret = strdup(places[i]);
                        return *ret ? EXIT_SUCCESS : cli_failed(-ENOMEM, "copy a path");
                }
        log_error("p11-kit's module %s is not installed (Debian: apt install p11-kit-modules).", SETUP_PROXY);
        return EXIT_FAILURE;
}

int setup_issuer(char **ret) {
        _cleanup_certificate_chain_view_ CertificateChainView chain = {};
        _cleanup_bytes_ Bytes pem = BYTES_NULL;

        int r = file_read(CERTIFICATE_FILE, CERTIFICATE_VIEW_PEM_MAX, &pem);
        if (r >= 0)
                r = certificate_chain_view_from_pem(bytes_view(&pem), &chain);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(chain.certificates[0].issuer);
        return 0;
}

int setup_nss_directory(char **ret) {
        static const char *const places[] = { ".pki/nssdb", ".local/share/pki/nssdb" };
        const char *home = getenv("HOME");
        struct stat st;

        if (!home || *home != '/')
                return -ENOENT;
        for (size_t i = 0; i < ELEMENTSOF(places); i++) {
                _cleanup_free_ char *path = NULL;
                int r = path_join(home, places[i], &path);
                if (r < 0)
                        return r;
                if (stat(path, &st) >= 0) {
                        *ret = TAKE_PTR(path);
                        return 0;
                }
        }
        return path_join(home, places[0], ret);
}

const char *setup_firefox_distribution(void) {
        static const char *const places[] = {
                "/usr/lib/firefox-esr/distribution/policies.json",
                "/usr/lib/firefox/distribution/policies.json",
                "/usr/lib64/firefox/distribution/policies.json",
                "/opt/firefox/distribution/policies.json",
        };

        for (size_t i = 0; i < ELEMENTSOF(places); i++)
                if (access(places[i], F_OK) >= 0)
                        return places[i];
        return NULL;
}
