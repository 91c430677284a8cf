/* SPDX-License-Identifier: MIT */
#include "enroll/acme-order.h"
#include "enroll/enroll.h"
#include "enroll/progress.h"

static int revoke_recorded(const EnrollSettings *s, const Plan *p, Failure *f) {
        _cleanup_(https_freep) Https *h = NULL;
        _cleanup_acme_client_ AcmeClient acme = {};
        _cleanup_chain_ Chain chain = {};
        int r;

        progress_step(STEP_REVOKE);
        r = chain_from_pem(bytes_view(&p->recorded.chain_pem), &chain);
        if (r < 0)
                return fail_errno(f, r, "The recorded certificate cannot be read");
        if ((r = https_new(s->ca_dir, p->ca_pem, &h, f)) < 0 ||
            (r = acme_client_open(h, s->state_dir, p->acme_url, &acme, f)) < 0)
                return r;
        r = account_load(s->state_dir, acme.directory_url, &acme.account);
        if (r < 0 || !acme.account.url)
                return fail(f, -ENOENT, OUTCOME_FAILED,
                            "There is no ACME account recorded that could revoke the certificate");
        return acme_revoke(&acme, bytes_view(&chain.der[0]), f);
}

int unenroll_run(const EnrollSettings *s, const Plan *p, Failure *f) {
        int r;

        if (p->job.revoke) {
                r = revoke_recorded(s, p, f);
                if (r < 0) {
                        failure_add(f, "Nothing has been removed; without --revoke it would be.");
                        return r;
                }
        }
        progress_step(STEP_REMOVE);
        r = enrollment_remove(s->state_dir, true);
        return r < 0 ? fail_errno(f, r, "Cannot remove the enrolment") : 0;
}
