/* SPDX-License-Identifier: MIT */
#include "http/public-files.h"
#include "shared/files.h"
#include "shared/log.h"

#define ROOT_FILE "root.pem"
#define CRL_FILE "crl.pem"
#define TRUST_FILES_PER_TURN 8U /* of one certificate each: two milliseconds */

void public_files_done(PublicFiles *p) {
        p->root_pem = shared_text_unref(p->root_pem);
        p->crl_pem = shared_text_unref(p->crl_pem);
        p->trust = ek_trust_free(p->trust);
        p->loader = trust_loader_free(p->loader);
        p->next = ek_trust_free(p->next);
        p->loading = sd_event_source_disable_unref(p->loading);
}

/* What is being sent goes on as it began: the old text lives until then, at most as long as an answer may take. */
static int replace(SharedText **to, Bytes *pem) {
        SharedText *next = NULL;

        if (*to && view_equal(shared_text_view(*to), bytes_view(pem)))
                return 0;
        int r = pem->size > 0 ? shared_text_new(pem, &next) : 0;
        if (r < 0)
                return r;
        (void) shared_text_unref(*to);
        *to = next;
        return 0;
}

/* Returns false when there is no such file. */
static bool load_file(const char *dir, const char *name, size_t max, SharedText **to) {
        _cleanup_free_ char *path = NULL;
        _cleanup_bytes_ Bytes pem = BYTES_NULL;
        int r;

        r = path_join(dir, name, &path);
        if (r >= 0)
                r = file_read(path, max, &pem);
        bool missing = r == -ENOENT;
        if (r >= 0 || missing)
                r = replace(to, &pem);
        if (r < 0)
                log_warning_errno(r, "Could not read %s/%s: %m", dir, name);
        return !missing;
}

static void on_skipped(const char *path, int error, void *userdata) {
        log_warning_errno(error, "EK roots: skipping %s: %m", path);
}

static const TrustStoreCallbacks callbacks = { .skipped = on_skipped };

/* trust: taken */
static void use_trust(PublicFiles *p, EkTrust *trust) {
        (void) ek_trust_free(p->trust);
        p->trust = trust;
        log_info("%zu certificates of EK issuers loaded.", ek_trust_count(trust));
}

static void load_texts(PublicFiles *p) {
        if (!load_file(p->public_dir, ROOT_FILE, ROOT_PEM_MAX, &p->root_pem))
                log_info("No %s/" ROOT_FILE " yet: there is no CA.", p->public_dir);
        (void) load_file(p->public_dir, CRL_FILE, CRL_PEM_MAX, &p->crl_pem);
}

int public_files_load(PublicFiles *p) {
        EkTrust *trust = NULL;

        load_texts(p);
        int r = trust_store_load(p->ek_roots, p->policy, &callbacks, NULL, &trust);
        if (r < 0)
                return log_error_errno(r, "Could not load the EK roots: %m");
        use_trust(p, trust);
        return 0;
}

/* --- Again --- */

static void forget_next(PublicFiles *p) {
        p->loader = trust_loader_free(p->loader);
        p->next = ek_trust_free(p->next);
        (void) sd_event_source_set_enabled(p->loading, SD_EVENT_OFF);
}

static int on_loading(sd_event_source *s, void *userdata) {
        PublicFiles *p = userdata;

        int r = trust_loader_read(p->loader, p->next, TRUST_FILES_PER_TURN);
        if (r > 0)
                return 0;
        if (r < 0)
                log_error_errno(r, "Could not load the EK roots: %m");
        else
                use_trust(p, TAKE_PTR(p->next));
        forget_next(p);
        return 0;
}

static int begin_loading(PublicFiles *p, sd_event *event) {
        int r = 0;

        if (!p->loading)
                r = sd_event_add_defer(event, &p->loading, on_loading, p);
        if (r < 0)
                return r;
        forget_next(p); /* what it has read may be old */
        r = ek_trust_new(&p->next);
        if (r >= 0)
                r = trust_loader_new(p->ek_roots, p->policy, &callbacks, NULL, &p->loader);
        return r < 0 ? r : sd_event_source_set_enabled(p->loading, SD_EVENT_ON);
}

void public_files_reload(PublicFiles *p, sd_event *event) {
        load_texts(p);
        int r = begin_loading(p, event);
        if (r < 0) {
                forget_next(p);
                log_error_errno(r, "Could not load the EK roots: %m");
        }
}
