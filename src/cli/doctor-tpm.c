/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <time.h>

#include "cli/doctor-access.h"
#include "cli/doctor.h"
#include "protocol/certificate.h"
#include "protocol/health.h"
#include "shared/tpm-ek.h"

#define TPM_USER "attezt-tpm" /* of the two helpers that open the TPM */
#define TPM_PATH_MAX 256U

/* The file behind a TCTI, "device:/dev/tpmrm0" or "swtpm:path=/run/tpm"; "" if there is none to look at. */
static const char *tpm_path(const Host *h, char ret[static TPM_PATH_MAX]) {
        const char *tcti = h->tcti ? h->tcti : tpm_tcti_default(), *begin = NULL;

        ret[0] = 0;
        if (strncmp(tcti, "device:", 7) == 0)
                begin = tcti + 7;
        else if ((strncmp(tcti, "swtpm:", 6) == 0 || strncmp(tcti, "mssim:", 6) == 0) && strstr(tcti, "path="))
                begin = strstr(tcti, "path=") + 5;
        if (begin && strcspn(begin, ",") < TPM_PATH_MAX)
                (void) snprintf(ret, TPM_PATH_MAX, "%.*s", (int) strcspn(begin, ","), begin);
        return ret;
}

#define EDIT_UNITS "systemctl edit attezt-enroll.service attezt-tpm-signer.service"
#define SETTING_UNUSED                                                                                                 \
        "TCTI= in agent.conf is for helpers that the agent starts itself; here systemd starts them, and they want "    \
        "--tcti in drop-ins of their own."

static bool same(const char *a, const char *b) {
        return strcmp(a ? a : tpm_tcti_default(), b ? b : tpm_tcti_default()) == 0;
}

static void judge_place(const Host *h, const char *path, Finding *f) {
        _cleanup_free_ char *signer = NULL;

        finding_ok(f, "The TPM is at %s.", path);
        if (!h->units_have_tcti)
                return;
        int r = doctor_unit_option(SIGNER_UNIT, "--tcti", &signer);
        if ((r >= 0 || r == -ENOENT) && !same(signer, h->tcti))
                finding_warning(f, EDIT_UNITS, "attezt-enroll.service and attezt-tpm-signer.service are told different TPMs "
                                "(--tcti): a key that one makes the other cannot use.");
        else if (h->settings_tcti && !same(h->settings_tcti, h->tcti))
                finding_warning(f, EDIT_UNITS, "The TPM is at %s. " SETTING_UNUSED, path);
}

void look_tpm(const Host *h, Finding *f) {
        char path[TPM_PATH_MAX];

        if (!*tpm_path(h, path))
                finding_skipped(f, NULL, "%s names no file to look at.", h->tcti);
        else if (access(path, F_OK) >= 0)
                judge_place(h, path, f);
        else if (h->units_have_tcti && (h->tcti || h->settings_tcti))
                finding_failed(f, EDIT_UNITS, h->tcti ? "There is no %s, where --tcti of attezt-enroll.service says that the "
                               "TPM is: correct it, or start that TPM." : "There is no TPM: no %s. " SETTING_UNUSED, path);
        else if (h->tcti)
                finding_failed(f, "editor " ATTEZT_SETTINGS_DIR "/agent.conf",
                               "There is no %s, where TCTI= in agent.conf says that the TPM is: correct it, or start "
                               "that TPM.", path);
        else if (access("/sys/class/tpm/tpm0", F_OK) >= 0)
                finding_failed(f, "modprobe tpm && ls -l /dev/tpm*",
                               "The kernel knows a TPM, but there is no %s: it is a TPM 1.2, or udev did not run.",
                               path);
        else
                finding_failed(f, "systemctl reboot --firmware-setup",
                               "There is no TPM: no %s. Switch it on in the firmware's settings (TPM, PTT, fTPM).",
                               path);
}

/* --- May the helpers open it? --- */

void look_tpm_access(const Host *h, Finding *f) {
        char path[TPM_PATH_MAX];

        if (!*tpm_path(h, path)) {
                finding_skipped(f, NULL, "There is no file to look at.");
                return;
        }
        int r = user_may(TPM_USER, path, 06);
        if (r > 0)
                finding_ok(f, "User " TPM_USER " may use %s.", path);
        else if (r == -ESRCH)
                finding_failed(f, "systemd-sysusers", "There is no user " TPM_USER ", as which the TPM is opened.");
        else if (r < 0)
                finding_skipped(f, NULL, "%s could not be looked at: %s.", path, strerror(-r));
        else if (user_in_group(TPM_USER, "tss") == 0)
                finding_failed(f, "usermod -a -G tss " TPM_USER " && systemctl restart attezt-agent",
                               "User " TPM_USER " may not use %s: it is not in group tss.", path);
        else {
                finding_failed(f, NULL, "User " TPM_USER " may not use %s: its mode should be 0660, its group tss "
                               "(Debian's package tpm-udev sees to that).", path);
                finding_command(f, "chgrp tss %s && chmod 0660 %s", path, path);
        }
}

/* --- Its endorsement key --- */

static bool ends(ByteView der, int64_t now) {
        _cleanup_certificate_ Certificate c = {};
        CertificateParts parts;

        return certificate_parts(der, &parts) >= 0 && certificate_read(&parts, &c) >= 0 &&
               health_dates(c.not_before, c.not_after, 0, now) == DATES_EXPIRED;
}

static bool is_enrolled_one(const Host *h, const TpmEk *ek) {
        uint8_t hash[32];

        return public_key_hash(&ek->key, hash) < 0 || memcmp(hash, h->enrollment.ek_hash, sizeof(hash)) == 0;
}

static void suggest_pinned(const TpmEk *ek, Finding *f) {
        char hex[2 * 32 + 1] = "HASH";
        uint8_t hash[32];

        if (public_key_hash(&ek->key, hash) >= 0)
                hex_encode(VIEW_ARRAY(hash), hex);
        finding_command(f, "attezt ca enroll %s NAME --pinned", hex);
}

static void judge_ek(const Host *h, const TpmEk *ek, Finding *f) {
        int64_t now = time(NULL);

        if (h->enrolled == 0 && !is_enrolled_one(h, ek))
                finding_failed(f, "attezt enroll", "This is another TPM than the one that was enrolled, or it was "
                               "given a new endorsement key: enrol again.");
        else if (ek->certificate.size == 0 && h->enrolled == 0)
                finding_ok(f, "The TPM has no EK certificate; the device is enrolled without.");
        else if (ek->certificate.size == 0)
                finding_failed(f, NULL, "The TPM has no EK certificate, by which the attestation CA would know that "
                               "it is a real one. On the CA host, enrol it with --pinned: then its hash alone counts.");
        else if (ends(bytes_view(&ek->certificate), now))
                finding_warning(f, NULL, "The EK certificate in the TPM has expired: an attestation CA that does not "
                                "let that pass (AllowExpiredEK=) takes the device only if it is enrolled with --pinned "
                                "(on the CA host).");
        else
                finding_ok(f, "The TPM has an EK certificate (%s).", ek_template_info(ek->template)->key);
        if (f->status != CHECK_OK && !*f->command)
                suggest_pinned(ek, f);
}

void look_tpm_ek(const Host *h, Finding *f) {
        _cleanup_(tpm_device_freep) TpmDevice *t = NULL;
        _cleanup_tpm_ek_ TpmEk ek = {};
        char text[TPM_TEXT_MAX] = "", path[TPM_PATH_MAX];

        if (*tpm_path(h, path) && access(path, R_OK | W_OK) < 0) {
                finding_skipped(f, "sudo attezt doctor", "Only root and group tss may ask the TPM.");
                return;
        }
        int r = tpm_device_open(h->tcti, &t, text);
        if (r < 0) {
                finding_failed(f, "dmesg | grep -i tpm", "The TPM cannot be used: %s.", *text ? text : strerror(-r));
                return;
        }
        r = tpm_ek_find(t, h->enrolled == 0 ? h->enrollment.ek : JOB_EK_DEFAULT, &ek);
        if (r < 0)
                finding_failed(f, "tpm2_getcap handles-persistent", "The TPM's endorsement key cannot be read: %s.",
                               *tpm_device_error(t) ? tpm_device_error(t) : strerror(-r));
        else
                judge_ek(h, &ek, f);
}
