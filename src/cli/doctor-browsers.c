/* SPDX-License-Identifier: MIT */
#include "cli/doctor-access.h"
#include "cli/doctor.h"
#include "cli/setup.h"
#include "protocol/browser-policy.h"
#include "protocol/nss-modules.h"
#include "shared/files.h"

/* What is not set up is no fault: not every device has a browser. */

static bool is_missing(const char *library) {
        return *library == '/' && access(library, R_OK) < 0;
}

void look_nss(const Host *h, Finding *f) {
        _cleanup_free_ char *dir = NULL, *path = NULL, *library = NULL;
        _cleanup_bytes_ Bytes file = BYTES_NULL;

        int r = setup_nss_directory(&dir);
        if (r >= 0)
                r = path_join(dir, NSS_MODULES_FILE, &path);
        if (r >= 0)
                r = file_read(path, NSS_MODULES_MAX, &file);
        if (r >= 0)
                r = nss_modules_find_library(bytes_view(&file), SETUP_PROXY, &library);
        if (r == -ENOENT && geteuid() == 0)
                finding_skipped(f, NULL, "Root has no browser: whoever has one types \"attezt setup nss\", and then "
                                "\"attezt doctor\", as the user that he is.");
        else if (r == -ENOENT)
                finding_skipped(f, "attezt setup nss", "This user's NSS database (Chromium's) has no p11-kit module; "
                                "fine without a browser.");
        else if (r < 0)
                finding_failed(f, "attezt setup nss", "%s cannot be read: %s.", path ? path : "The NSS database",
                               strerror(-r));
        else if (is_missing(library))
                finding_failed(f, "attezt setup nss --remove; attezt setup nss", "The NSS database names a module "
                               "that is not there: %s.", library);
        else
                finding_ok(f, "This user's NSS database (Chromium's) has p11-kit's module.");
}

/* Browsers read their policies as the user. False: they cannot, and that is told. */
static bool all_may_read(const char *browser, const char *file, Finding *f) {
        char path[ACCESS_PATH_SIZE];
        mode_t mode;

        if (access(file, F_OK) < 0 && errno != EACCES) /* nothing is to be read */
                return true;
        if (find_closed(file, path, &mode) == 0)
                return true;
        bool itself = strcmp(path, file) == 0;
        finding_failed(f, NULL, "Not every user may read %s, whose mode is %04o: their %s ignores its policies.", path,
                       mode, browser);
        finding_command(f, itself ? "chmod a+r %s" : "chmod a+rx %s", path);
        return false;
}

/* Somebody else's file has the policy. */
static void judge_rival(const char *rival, const ChromiumRules *ours, const char *issuer, Finding *f) {
        _cleanup_bytes_ Bytes file = BYTES_NULL;
        ChromiumRules rules = {};

        if (ours->n > 0)
                finding_failed(f, NULL, "Chromium takes AutoSelectCertificateForUrls from one file only, and "
                               CHROMIUM_POLICY_FILE " and %s both have it: put all rules into one of them.", rival);
        else if (file_read(rival, BROWSER_POLICY_MAX, &file) < 0 ||
                 chromium_policy_count(bytes_view(&file), issuer, &rules) < 0 || rules.n_issuer == 0)
                finding_skipped(f, NULL, "Chromium has no rule for this device's certificate: it asks. Rules belong "
                                "into %s, which has others: add what \"attezt setup chromium --dry-run https://HOST\" "
                                "shows.", rival);
        else {
                finding_ok(f, "Chromium takes this device's certificate for %zu server(s) without asking, by %s.",
                           rules.n_issuer, rival);
                return;
        }
        finding_command(f, "editor %s", rival);
}

static void judge_rules(const ChromiumRules *rules, const char *issuer, Finding *f) {
        if (rules->n == 0)
                finding_skipped(f, "attezt setup chromium https://HOST", "Chromium has no rule for this device's "
                                "certificate: it asks.");
        else if (rules->n_issuer == 0)
                finding_failed(f, "attezt setup chromium https://HOST", "Chromium's rules in " CHROMIUM_POLICIES
                               " are for certificates of another issuer than this device's, \"%s\".", issuer);
        else
                finding_ok(f, "Chromium takes this device's certificate for %zu server(s) without asking.",
                           rules->n_issuer);
}

void look_chromium(const Host *h, Finding *f) {
        static const char path[] = CHROMIUM_POLICIES "/" CHROMIUM_POLICY_FILE;
        _cleanup_bytes_ Bytes file = BYTES_NULL;
        _cleanup_free_ char *issuer = NULL, *rival = NULL;
        ChromiumRules rules = {};

        if (!all_may_read("Chromium", path, f))
                return;
        int r = file_read(path, BROWSER_POLICY_MAX, &file);
        if (r < 0 && r != -ENOENT) {
                finding_failed(f, "chmod 0644 " CHROMIUM_POLICIES "/" CHROMIUM_POLICY_FILE, "%s cannot be read: %s.",
                               path,
                               strerror(-r));
                return;
        }
        if (setup_issuer(&issuer) < 0) {
                finding_skipped(f, NULL, "There is no device certificate to compare the rules with.");
                return;
        }
        r = chromium_policy_count(bytes_view(&file), issuer, &rules);
        if (r < 0)
                finding_failed(f, "rm " CHROMIUM_POLICIES "/" CHROMIUM_POLICY_FILE " && attezt setup chromium "
                               "https://HOST",
                               "%s is not JSON, or not as the policy has to be: Chromium ignores it.", path);
        else if (setup_chromium_rival(CHROMIUM_POLICIES, &rival) > 0)
                judge_rival(rival, &rules, issuer, f);
        else
                judge_rules(&rules, issuer, f);
}

void look_firefox(const Host *h, Finding *f) {
        _cleanup_bytes_ Bytes file = BYTES_NULL;
        _cleanup_free_ char *library = NULL;

        if (!all_may_read("Firefox", FIREFOX_POLICY_FILE, f))
                return;
        int r = file_read(FIREFOX_POLICY_FILE, BROWSER_POLICY_MAX, &file);
        if (r >= 0)
                r = firefox_policy_get(bytes_view(&file), SETUP_NAME, &library);
        if (r == -ENOENT)
                finding_skipped(f, "attezt setup firefox", "Firefox's policies have no module of attezt's; fine "
                                "without Firefox.");
        else if (r == -EACCES)
                finding_failed(f, "chmod 0644 " FIREFOX_POLICY_FILE, FIREFOX_POLICY_FILE " is not for all users to "
                               "read.");
        else if (r < 0)
                finding_failed(f, "editor " FIREFOX_POLICY_FILE, FIREFOX_POLICY_FILE " is not JSON, or not as "
                               "policies have to be: Firefox ignores it.");
        else if (is_missing(library))
                finding_failed(f, "attezt setup firefox", "Firefox's policies name a module that is not there: %s.",
                               library);
        else
                finding_ok(f, "Firefox loads p11-kit's module.");
}
