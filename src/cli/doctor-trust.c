/* SPDX-License-Identifier: MIT */
#include <time.h>

#include "cli/doctor.h"
#include "protocol/ek-notes.h"
#include "shared/trust-settings.h"

#define ANCHOR_ENDING (60LL * 86400)

typedef struct Look {
        Finding *finding;
        time_t now;
        unsigned n_anchors, n_skipped, n_ended;
        const EkIssuer *ending; /* the anchor that ends first, of those that soon do; lives as long as the store */
} Look;

static void on_skipped(const char *path, int error, void *userdata) {
        Look *l = userdata;

        l->n_skipped++;
        finding_warning(l->finding, NULL, "%s is left out: %s.", path,
                        error == -EINVAL         ? "it holds no certificate"
                        : error == -EKEYREJECTED ? "it is not the certificate of a CA for EKs"
                                                 : strerror(-error));
        finding_command(l->finding, error == -EACCES ? "chmod a+r %s" : "rm %s", path);
}

static void on_loaded(const char *path, const EkIssuer *issuer, bool new, void *userdata) {
        Look *l = userdata;

        if (!new || !issuer->anchor)
                return;
        l->n_anchors++;
        if (issuer->not_after < l->now)
                l->n_ended++;
        else if (issuer->not_after < l->now + ANCHOR_ENDING &&
                 (!l->ending || issuer->not_after < l->ending->not_after))
                l->ending = issuer;
}


static void tell_ending(const Look *l) {
        char when[CLI_TIME_MAX], name[EK_NOTE_TEXT_MAX / 2];

        certificate_name_text(l->ending->parts.subject, name, sizeof(name));
        finding_warning(l->finding, "attezt ca trust list", "The root %s ends at %s: EK certificates under it will not "
                        "be accepted any more. Add its successor, if there is one.", name,
                        cli_format_time(l->ending->not_after, when));
}

static void judge(const Look *l, const char *directory, size_t n) {
        if (l->n_anchors == 0) {
                finding_failed(l->finding, NULL, "There are no roots of TPM vendors in %s: only devices that are "
                               "enrolled with --pinned get certificates.", directory);
                finding_command(l->finding, "attezt ca trust add VENDOR-ROOT.pem");
        } else if (l->n_skipped > 0)
                return; /* told where it happened */
        else if (l->ending)
                tell_ending(l);
        else
                finding_ok(l->finding, "The trust store holds %zu certificates, %u of them roots%s.", n, l->n_anchors,
                           l->n_ended > 0 ? ", some of which have expired" : "");
}

void look_ek_roots(const Host *h, Finding *f) {
        static const TrustStoreCallbacks callbacks = { .skipped = on_skipped, .loaded = on_loaded };
        _cleanup_trust_settings_ TrustSettings settings = {};
        _cleanup_(ek_trust_freep) EkTrust *trust = NULL;
        Look l = { .finding = f, .now = time(NULL) };

        int r = trust_settings_load(true, &settings);
        if (r >= 0)
                r = trust_store_load((const char *const *) settings.directories, &settings.policy, &callbacks, &l,
                                     &trust);
        if (r < 0)
                finding_skipped(f, NULL, "Could not look: %s.", strerror(-r));
        else
                judge(&l, settings.directories[0], ek_trust_count(trust));
}
