/* SPDX-License-Identifier: MIT */
#include "agent/agent-enroll.h"

#include "agent/request-values.h"
#include "shared/files.h"
#include "shared/log.h"
#include "shared/names.h"

static bool same(const char *url, const char *known) {
        return known && strcmp(url, known) == 0;
}

/* Whoever adds a root decides which server answers to a known name. */
static bool foreign_roots(const Job *job, const Enrollment *e) {
        return job->ca_pem.size > 0 && !(e && view_equal(bytes_view(&job->ca_pem), bytes_view(&e->ca_pem)));
}

bool agent_enroll_elsewhere(const Agent *a, const Job *job) {
        const Enrollment *e = agent_enrollment(a);
        const AgentSettings *s = agent_settings(a);

        return foreign_roots(job, e) ||
               (job->acme_url && !same(job->acme_url, e ? e->acme_url : NULL) &&
                !same(job->acme_url, s->acme_server)) ||
               (job->attestation_url && !same(job->attestation_url, e ? e->attestation_url : NULL) &&
                !same(job->attestation_url, s->attestation_server));
}

static int fill(char **p, const char *configured) {
        if (*p || !configured)
                return 0;
        *p = strdup(configured);
        return *p ? 0 : -ENOMEM;
}

/* The key that is configured goes to the server that is configured, to no other. */
static int fill_eab(const Agent *a, Job *job, sd_bus_error *error) {
        const Enrollment *e = agent_enrollment(a);
        const AgentSettings *s = agent_settings(a);
        const char *acme = job->acme_url ?: e ? e->acme_url : NULL;
        _cleanup_bytes_erase_ Bytes text = BYTES_NULL;
        int r;

        if (job->eab_kid || !s->eab_kid || !s->eab_key_file || !acme || !same(acme, s->acme_server))
                return 0;
        r = file_read(s->eab_key_file, REQUEST_EAB_TEXT_MAX, &text);
        if (r >= 0)
                r = request_eab_key(bytes_view(&text), &job->eab_key);
        if (r == -ENOMEM)
                return r;
        if (r < 0)
                return sd_bus_error_setf(error, ATTEZT_ERROR_FAILED, "EABKeyFile=%s: %s", s->eab_key_file,
                                         r == -EINVAL ? "not a key in base64url" : strerror(-r));
        return fill(&job->eab_kid, s->eab_kid);
}

static bool servers_are_configured(const Agent *a, const Job *job) {
        const Enrollment *e = agent_enrollment(a);
        const AgentSettings *s = agent_settings(a);
        const char *acme = job->acme_url ?: e ? e->acme_url : NULL;
        const char *attestation = job->attestation_url ?: e ? e->attestation_url : NULL;

        return acme && attestation && same(acme, s->acme_server) && same(attestation, s->attestation_server);
}

/* The roots that are configured are for the servers that are configured, for no others. */
static int fill_roots(const Agent *a, Job *job) {
        const char *path = agent_settings(a)->roots_file;
        _cleanup_bytes_ Bytes pem = BYTES_NULL;
        int r;

        if (job->ca_pem.size > 0 || !path || !servers_are_configured(a, job))
                return 0;
        r = file_read(path, JOB_CA_PEM_MAX, &pem);
        if (r < 0)
                return r;
        if (!request_roots_valid(bytes_view(&pem)))
                return -EBADMSG;
        job->ca_pem = TAKE_GENERIC(pem, BYTES_NULL);
        return 0;
}

static const char *roots_error(int r) {
        return r == -EBADMSG ? "not certificates in PEM form" : strerror(-r);
}

int agent_renew_complete(const Agent *a, Job *job) {
        int r = fill_roots(a, job);

        if (r == -ENOMEM)
                return r;
        if (r < 0)
                log_warning("RootsFile=%s: %s. Going on with the roots that are recorded.",
                            agent_settings(a)->roots_file, roots_error(r));
        return 0;
}

static int fill_files(const Agent *a, Job *job, sd_bus_error *error) {
        int r = fill_roots(a, job);

        if (r == -ENOMEM)
                return r;
        if (r < 0)
                return sd_bus_error_setf(error, ATTEZT_ERROR_FAILED, "RootsFile=%s: %s",
                                         agent_settings(a)->roots_file, roots_error(r));
        return fill_eab(a, job, error);
}

int agent_enroll_complete(const Agent *a, Job *job, sd_bus_error *error) {
        const AgentSettings *s = agent_settings(a);
        int r;

        if (agent_enrollment(a))
                return fill_files(a, job, error);
        if ((r = fill(&job->acme_url, s->acme_server)) < 0 ||
            (r = fill(&job->attestation_url, s->attestation_server)) < 0 ||
            (r = fill(&job->name, s->name)) < 0)
                return r;
        if (!job->acme_url)
                return sd_bus_error_set(error, SD_BUS_ERROR_INVALID_ARGS,
                                        "No ACME server is given (--acme URL), recorded or configured (ACMEServer=).");
        if (!job->attestation_url)
                return sd_bus_error_set(error, SD_BUS_ERROR_INVALID_ARGS,
                                        "No attestation server is given (--attestation URL), recorded or configured (AttestationServer=).");
        if (job->key == JOB_KEY_DEFAULT)
                job->key = s->key;
        if (job->lifetime == 0)
                job->lifetime = s->lifetime;
        return fill_files(a, job, error);
}
