/* SPDX-License-Identifier: MIT */
#include "enroll/plan.h"

#include <time.h>

#include "enroll/https.h"
#include "protocol/url.h"
#include "shared/log.h"

void plan_done(Plan *p) {
        job_done(&p->job);
        enrollment_done(&p->recorded);
        *p = (Plan) {};
}

static int load_recorded(Plan *p, const char *state_dir, Failure *f) {
        int r = enrollment_load(state_dir, &p->recorded);

        if (r >= 0 || r == -ENOENT)
                return 0;
        if (r == -EBADMSG && (p->job.kind == JOB_ENROLL || p->job.kind == JOB_REACH)) {
                log_warning("The recorded enrolment cannot be read, starting anew");
                return 0;
        }
        return fail_errno(f, r, "Cannot read the recorded enrolment");
}

/* A URL of the job counts, else the recorded one. */
static const char *either(const char *wanted, const char *recorded) {
        return wanted ? wanted : recorded && *recorded ? recorded : NULL;
}

static int check_url(const char *url, const char *what, bool loopback, Failure *f) {
        if (!url)
                return fail(f, -EINVAL, OUTCOME_INVALID, "No %s is given, and none is recorded from before", what);
        if (url_valid_https(url) || (loopback && https_url_is_loopback(url)))
                return 0;
        return fail(f, -EINVAL, OUTCOME_INVALID, "Not a URL for the %s (https://...): %s", what, url);
}

static int check_eab(const Job *j, Failure *f) {
        return !j->eab_kid == (j->eab_key.size == 0) ?
                       0 :
                       fail(f, -EINVAL, OUTCOME_INVALID, "External account binding needs both, key identifier and key");
}

static int resolve_servers(Plan *p, Failure *f) {
        const Job *j = &p->job;
        int r;

        p->acme_url = either(j->acme_url, p->recorded.acme_url);
        p->attestation_url = either(j->attestation_url, p->recorded.attestation_url);
        if ((r = check_url(p->acme_url, "ACME server", false, f)) < 0 ||
            (r = check_url(p->attestation_url, "attestation server", true, f)) < 0)
                return r;
        return check_eab(j, f);
}

/* One whose age nobody knows is old, and so is one from the future. */
static bool keep_key(const Plan *p) {
        int64_t age = (int64_t) time(NULL) - p->recorded.key_created;

        if (p->job.kind != JOB_RENEW || !p->recorded.key_pem.data)
                return false;
        return p->job.keep_key == JOB_KEEP_KEY_ALWAYS ||
               (p->recorded.key_created > 0 && age >= 0 && age < p->job.keep_key);
}

static void resolve_rest(Plan *p) {
        const Job *j = &p->job;

        p->recorded_name = either(NULL, p->recorded.name);
        p->key = j->key != JOB_KEY_DEFAULT ? j->key :
                 p->recorded.key != JOB_KEY_DEFAULT ? p->recorded.key :
                                                      JOB_KEY_P256;
        p->ek = j->ek != JOB_EK_DEFAULT ? j->ek : p->recorded.ek;
        p->lifetime = j->lifetime > 0 ? j->lifetime : p->recorded.lifetime;
        p->keep_key = keep_key(p);
        p->ca_pem = j->ca_pem.size > 0 ? bytes_view(&j->ca_pem) : bytes_view(&p->recorded.ca_pem);
}

int plan_make(Job *job, const char *state_dir, Plan *ret, Failure *f) {
        _cleanup_plan_ Plan p = { .job = TAKE_GENERIC(*job, (Job) {}) };
        int r;

        r = load_recorded(&p, state_dir, f);
        if (r < 0)
                return r;
        resolve_rest(&p);
        if (p.job.kind == JOB_IDENTIFY) {
                *ret = TAKE_GENERIC(p, (Plan) {});
                return 0;
        }
        if ((p.job.kind == JOB_RENEW || p.job.kind == JOB_UNENROLL) && p.recorded.generation == 0)
                return fail(f, -ENOENT, OUTCOME_NOT_ENROLLED, "This device is not enrolled");
        r = resolve_servers(&p, f);
        if (r < 0)
                return r;
        *ret = TAKE_GENERIC(p, (Plan) {});
        return 0;
}
