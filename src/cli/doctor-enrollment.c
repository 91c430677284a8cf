/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "cli/device.h"
#include "cli/doctor.h"
#include "protocol/certificate-view.h"
#include "protocol/health.h"
#include "protocol/key-file.h"
#include "shared/files.h"

#define CERTIFICATE_FILE ATTEZT_AGENT_STATE_DIR "/device.crt"

void look_agent(const Host *h, Finding *f) {
        _cleanup_free_ char *text = NULL;

        int r = doctor_call(ATTEZT_AGENT_INTERFACE, "GetStatus", NULL, &text);
        if (r < 0 && r != DOCTOR_DENIED)
                doctor_tell_call(f, r, "attezt-agent", "attezt-agent", text);
        else
                finding_ok(f, "attezt-agent answers on the bus.");
}

/* What the CA's people type about this device, with options if there are any. */
static void suggest_there(struct json_object *o, const char *verb, const char *options, Finding *f) {
        const char *hash = cli_text(o, "ek-hash");

        finding_command(f, *options ? "attezt ca %s %s --name %s" : "attezt ca %s %s", verb, *hash ? hash : "HASH",
                        options);
}

static void tell_waiting(struct json_object *o, Finding *f) {
        char words[DEVICE_WORDS_TEXT_MAX] = "";
        const char *name = cli_text(o, "name");

        (void) device_words_of(o, words);
        finding_warning(f, NULL, "The attestation CA does not know this device: it waits for approval, as \"%s\". On the "
                        "CA host these words are compared, and it is approved; it asks until then.", words);
        suggest_there(o, "approve", *name ? name : "NAME", f);
}

/* Not enrolled yet because a person of the CA has to say a word: that is no fault of this device. */
static bool waits(Finding *f) {
        _cleanup_message_ sd_bus_message *reply = NULL;
        _cleanup_json_ struct json_object *o = NULL;
        _cleanup_free_ char *text = NULL;

        if (doctor_call(ATTEZT_AGENT_INTERFACE, "GetStatus", &reply, &text) < 0 || cli_read_dict(reply, &o) < 0 ||
            job_outcome_from_string(cli_text(o, "last-outcome")) != OUTCOME_WAITING)
                return false;
        tell_waiting(o, f);
        return true;
}

/* --- What is recorded --- */

static bool key_is_damaged(const Enrollment *e) {
        _cleanup_key_file_ KeyFile k = {};

        return e->key_pem.size > 0 && key_file_parse(bytes_view(&e->key_pem), &k) < 0;
}

/* In full: what is recorded is of no use to the agent either. */
static void tell_damage(const Host *h, Finding *f, const char *what) {
        finding_failed(f, "attezt enroll --acme URL --attestation URL", "%s in " ATTEZT_AGENT_STATE_DIR " is damaged: "
                       "enrol again, which replaces it.", what);
        finding_command(f, "attezt enroll --acme %s --attestation %s", h->acme_url ? h->acme_url : "URL",
                        h->attestation_url ? h->attestation_url : "URL");
}

void look_enrollment(const Host *h, Finding *f) {
        _cleanup_certificate_chain_view_ CertificateChainView chain = {};

        if (h->enrolled == -ENOENT && waits(f))
                return;
        if (h->enrolled == -ENOENT)
                finding_failed(f, h->acme_url && h->attestation_url ? "attezt enroll" :
                               "attezt enroll --acme URL --attestation URL", "This device is not enrolled.");
        else if (h->enrolled == -EACCES)
                finding_skipped(f, "sudo attezt doctor", "What is recorded is for root and group attezt to read.");
        else if (h->enrolled == -EBADMSG)
                tell_damage(h, f, "What is recorded");
        else if (h->enrolled < 0)
                finding_failed(f, "ls -lR " ATTEZT_AGENT_STATE_DIR, "What is recorded in " ATTEZT_AGENT_STATE_DIR
                               " cannot be read: %s.", strerror(-h->enrolled));
        else if (key_is_damaged(&h->enrollment))
                tell_damage(h, f, "The device key");
        else if (certificate_chain_view_from_pem(bytes_view(&h->enrollment.chain_pem), &chain) < 0)
                tell_damage(h, f, "The device certificate");
        else
                finding_ok(f, "This device is enrolled as %s.", h->enrollment.name);
}

/* --- The certificate that everyone may read --- */

static void judge_dates(const CertificateView *v, bool leaf, Finding *f) {
        char when[CLI_TIME_MAX];
        const char *what = leaf ? "device certificate" : "CA certificate behind it";
        DatesVerdict verdict = health_dates(v->not_before, v->not_after,
                                            leaf ? health_overdue(v->not_before, v->not_after) : 0, time(NULL));

        switch (verdict) {
        case DATES_GOOD:
                break;
        case DATES_ENDING:
                finding_warning(f, "attezt renew", "The %s ends at %s, and should have been renewed by now.", what,
                                cli_format_time(v->not_after, when));
                break;
        case DATES_NOT_YET:
                finding_failed(f, "timedatectl set-ntp true", "The %s is not valid before %s: this machine's clock is "
                               "behind.", what, cli_format_time(v->not_before, when));
                break;
        case DATES_EXPIRED:
                finding_failed(f, "attezt renew", "The %s expired at %s.", what, cli_format_time(v->not_after, when));
                break;
        }
}

void look_certificate(const Host *h, Finding *f) {
        _cleanup_certificate_chain_view_ CertificateChainView chain = {};
        _cleanup_bytes_ Bytes pem = BYTES_NULL;
        char when[CLI_TIME_MAX];

        int r = file_read(CERTIFICATE_FILE, CERTIFICATE_VIEW_PEM_MAX, &pem);
        if (r == -ENOENT) {
                finding_skipped(f, NULL, "There is no device certificate.");
                return;
        }
        if (r >= 0)
                r = certificate_chain_view_from_pem(bytes_view(&pem), &chain);
        if (r < 0) {
                finding_failed(f, r == -EACCES ? "chmod a+rx " ATTEZT_AGENT_STATE_DIR : "attezt enroll",
                               CERTIFICATE_FILE " cannot be read: %s.", strerror(-r));
                return;
        }
        finding_ok(f, "The device certificate is good until %s.",
                   cli_format_time(chain.certificates[0].not_after, when));
        for (size_t i = chain.n; i > 0; i--) /* the leaf has the last word */
                judge_dates(&chain.certificates[i - 1], i == 1, f);
}

/* --- The next one --- */

#define TIMER "attezt-renew.timer"
#define TIMER_PATH "/org/freedesktop/systemd1/unit/attezt_2drenew_2etimer"

/* It wakes the agent, which does not stay. False: it does not, and that is told. */
static bool timer_runs(Finding *f) {
        _cleanup_free_ char *active = NULL, *file = NULL;
        sd_bus *bus = NULL;

        if (doctor_systemd(&bus) < 0)
                return true;
        int r = doctor_unit_state(bus, TIMER_PATH, &active, &file);
        sd_bus_close_unref(bus);
        if (r < 0 || strcmp(active, "active") == 0)
                return true;
        finding_failed(f, "systemctl enable --now " TIMER, TIMER " is not active: nothing wakes the agent when the "
                       "certificate is to be renewed.");
        return false;
}

static void tell_refused(struct json_object *o, Finding *f) {
        finding_warning(f, NULL, "The attestation CA refuses this device. On the CA host, look whether it is disabled, "
                        "denied or expired.");
        suggest_there(o, "lookup", "", f);
}

/* False: it is not the attestation CA's answer that the last attempt ended with. */
static bool tell_answer(struct json_object *o, Finding *f) {
        switch (job_outcome_from_string(cli_text(o, "last-outcome"))) {
        case OUTCOME_WAITING:
                tell_waiting(o, f);
                return true;
        case OUTCOME_UNKNOWN_DEVICE:
                tell_refused(o, f);
                return true;
        default:
                return false;
        }
}

void look_renewal(const Host *h, Finding *f) {
        _cleanup_message_ sd_bus_message *reply = NULL;
        _cleanup_json_ struct json_object *o = NULL;
        _cleanup_free_ char *text = NULL;
        char when[CLI_TIME_MAX];

        if (!timer_runs(f))
                return;
        int r = doctor_call(ATTEZT_AGENT_INTERFACE, "GetStatus", &reply, &text);
        if (r >= 0)
                r = cli_read_dict(reply, &o);
        if (r < 0) {
                doctor_tell_call(f, r, "attezt-agent", "attezt-agent", text);
                return;
        }
        int64_t failures = cli_number(o, "renewal-failures"), next = cli_number(o, "next-renewal");
        if (tell_answer(o, f))
                return;
        if (failures > 0 && !cli_bool(o, "enrolled"))
                finding_warning(f, "attezt enroll", "Enrolling has failed %" PRIi64 " times: %s", failures,
                                *cli_text(o, "last-error") ? cli_text(o, "last-error") : cli_text(o, "last-outcome"));
        else if (failures > 0)
                finding_warning(f, "attezt renew", "Renewing has failed %" PRIi64 " times: %s", failures,
                                *cli_text(o, "last-error") ? cli_text(o, "last-error") : cli_text(o, "last-outcome"));
        else if (next > 0)
                finding_ok(f, "The certificate is renewed at about %s.", cli_format_time(next, when));
        else
                finding_ok(f, "Renewing has not failed.");
}
