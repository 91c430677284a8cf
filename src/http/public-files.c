/* SPDX-License-Identifier: MIT */
#include "http/public-files.h"
#include "shared/files.h"
#include "shared/log.h"
#include "shared/trust-store.h"

#define ROOT_FILE "root.pem"
#define CRL_FILE "crl.pem"

void public_files_done(PublicFiles *p) {
        bytes_done(&p->root_pem);
        bytes_done(&p->crl_pem);
        p->trust = ek_trust_free(p->trust);
}

/* Returns false when there is no such file. */
static bool load_file(const char *dir, const char *name, size_t max, Bytes *to) {
        _cleanup_free_ char *path = NULL;
        _cleanup_bytes_ Bytes pem = BYTES_NULL;
        int r;

        r = path_join(dir, name, &path);
        if (r >= 0)
                r = file_read(path, max, &pem);
        if (r < 0 && r != -ENOENT) {
                log_warning_errno(r, "Could not read %s/%s: %m", dir, name);
                return true;
        }
        bytes_done(to);
        *to = TAKE_BYTES(pem);
        return r >= 0;
}

static void on_skipped(const char *path, int error, void *userdata) {
        log_warning_errno(error, "EK roots: skipping %s: %m", path);
}

static int load_trust(PublicFiles *p) {
        static const TrustStoreCallbacks callbacks = { .skipped = on_skipped };
        EkTrust *trust = NULL;
        int r;

        r = trust_store_load(p->ek_roots, p->policy, &callbacks, NULL, &trust);
        if (r < 0) {
                log_error_errno(r, "Could not load the EK roots: %m");
                return p->trust ? 0 : r;
        }
        (void) ek_trust_free(p->trust);
        p->trust = trust;
        log_info("%zu certificates of EK issuers loaded.", ek_trust_count(trust));
        return 0;
}

int public_files_load(PublicFiles *p) {
        if (!load_file(p->public_dir, ROOT_FILE, ROOT_PEM_MAX, &p->root_pem))
                log_info("No %s/" ROOT_FILE " yet: there is no CA.", p->public_dir);
        (void) load_file(p->public_dir, CRL_FILE, CRL_PEM_MAX, &p->crl_pem);
        return load_trust(p);
}
