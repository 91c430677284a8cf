/* SPDX-License-Identifier: MIT */
#include "server/server-trust.h"

#include "shared/files.h"
#include "shared/log.h"
#include "shared/trust-store.h"

static int directory(const Server *s, bool make, char **ret) {
        _cleanup_free_ char *public = NULL;

        int r = path_join(s->settings->state_dir, SERVER_PUBLIC_DIR, &public);
        if (r >= 0 && make)
                r = dir_make(public, 0755);
        return r < 0 ? r : path_join(public, TRUST_STORE_MANAGED, ret);
}

static int on_quiet(sd_event_source *source, uint64_t usec, void *userdata) {
        Server *s = userdata;

        s->trust_changed = sd_event_source_disable_unref(s->trust_changed);
        fronts_changed(s->fronts);
        return 0;
}

static void changed(Server *s) {
        if (s->trust_changed)
                return;
        int r = sd_event_add_time_relative(s->event, &s->trust_changed, CLOCK_BOOTTIME, SERVER_TRUST_QUIET_USEC, 0,
                                           on_quiet, s);
        if (r < 0)
                fronts_changed(s->fronts);
}

int server_trust_put(Server *s, const TrustEntry *e) {
        _cleanup_free_ char *dir = NULL;

        int r = directory(s, true, &dir);
        if (r >= 0)
                r = trust_files_put(dir, e);
        if (r >= 0)
                changed(s);
        return r;
}

/* What is kept, or else what is distrusted. */
int server_trust_remove(Server *s, const char *fingerprint) {
        _cleanup_free_ char *dir = NULL;

        int r = directory(s, false, &dir);
        if (r >= 0)
                r = trust_files_remove(dir, fingerprint, false);
        if (r == -ENOENT)
                r = trust_files_remove(dir, fingerprint, true);
        if (r >= 0)
                changed(s);
        return r;
}

int server_trust_list(Server *s) {
        _cleanup_trust_list_ TrustList l = {};
        _cleanup_free_ char *dir = NULL;

        int r = directory(s, false, &dir);
        if (r >= 0)
                r = trust_files_list(dir, &l);
        if (r < 0)
                return r;
        trust_list_done(&s->trust_list);
        s->trust_list = TAKE_GENERIC(l, (TrustList) {});
        return 0;
}

int server_trust_read(const Server *s, const struct TrustListed *l, TrustEntry *ret) {
        _cleanup_free_ char *dir = NULL;

        int r = directory(s, false, &dir);
        return r < 0 ? r : trust_files_read(dir, l, ret);
}
