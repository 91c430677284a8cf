/* SPDX-License-Identifier: MIT */
#include "server/server-ca.h"

#include "server/events.h"
#include "shared/files.h"
#include "shared/log.h"

#define CA_DIR "ca"
#define ROOT_FILE "root.pem"

/* The fronts read this file; they have no other way to the root. */
static int publish_root(const Server *s, bool only_if_missing) {
        _cleanup_free_ char *dir = NULL, *file = NULL;

        int r = path_join(s->settings->state_dir, SERVER_PUBLIC_DIR, &dir);
        if (r >= 0)
                r = path_join(dir, ROOT_FILE, &file);
        if (r >= 0)
                r = dir_make(dir, 0755);
        if (r < 0 || (only_if_missing && access(file, F_OK) >= 0))
                return r;
        return file_write_atomic_path(file, 0644, VIEW_STR(certificate_authority_root_pem(s->ca)));
}

int server_load_ca(Server *s) {
        _cleanup_free_ char *dir = NULL;

        int r = path_join(s->settings->state_dir, CA_DIR, &dir);
        if (r >= 0)
                r = certificate_authority_load(dir, &s->ca);
        if (r == -ENOENT) {
                log_notice("There is no CA yet: create it with \"attezt ca create\".");
                return 0;
        }
        if (r < 0)
                return log_error_errno(r, "Could not load the CA in %s: %m", dir ? dir : CA_DIR);
        r = publish_root(s, true);
        return r < 0 ? log_error_errno(r, "Could not write the root certificate for the fronts: %m") : 0;
}

/* Blocks for a few file operations, once in the life of a server. */
int server_create_ca(Server *s, const char *name) {
        _cleanup_free_ char *dir = NULL;

        int r = path_join(s->settings->state_dir, CA_DIR, &dir);
        if (r < 0)
                return r;
        if (s->ca)
                return -EEXIST;
        r = certificate_authority_create(dir, name, server_now());
        if (r >= 0)
                r = certificate_authority_load(dir, &s->ca);
        if (r >= 0)
                r = publish_root(s, false);
        if (r < 0)
                return r;
        log_event(LOG_NOTICE, EVENT_CA_CREATED, NULL, "The CA is created; SHA-256 fingerprint of its root: %s",
                  certificate_authority_fingerprint(s->ca));
        fronts_changed(s->fronts);
        return 0;
}
