/* SPDX-License-Identifier: MIT */
#include "agent/agent-metrics.h"

static void put_certificate(Metrics *m, const Agent *a) {
        metrics_one_value(m, "attezt_agent_enrolled", "1: this device has a certificate.", agent_enrollment(a) ? 1 : 0);
        metrics_one_value(m, "attezt_agent_not_before_timestamp_seconds", "The certificate's beginning; 0: none.",
                          agent_not_before(a));
        metrics_one_value(m, "attezt_agent_not_after_timestamp_seconds", "The certificate's end; 0: none.",
                          agent_not_after(a));
        metrics_counter(m, "attezt_agent_jobs", "Enrolments, renewals and the like, by their outcome.");
        for (JobOutcome o = 0; o < _OUTCOME_MAX; o++)
                metrics_count(m, "attezt_agent_jobs", "outcome", job_outcome_to_string(o), agent_n_jobs(a, o));
}

static void put_renewal(Metrics *m, const Renewal *r) {
        RenewalPlan next = renewal_next(r);

        metrics_one_value(m, "attezt_agent_renewal_failures", "Attempts that failed since the last that did not.",
                          renewal_state(r)->failures);
        if (renewal_is_planned(r))
                metrics_one_value(m, "attezt_agent_next_renewal_timestamp_seconds",
                                  "The next attempt; 0: none is planned.",
                                  next.action == RENEWAL_NOTHING ? 0 : next.due);
}

static void put_token(Metrics *m, const Signer *s, const Pkcs11Socket *socket) {
        Pkcs11SocketCounts c = pkcs11_socket_counts(socket);

        metrics_counter(m, "attezt_agent_operations", "Operations with the device key, by their status.");
        for (TokenStatus t = 0; t < _TOKEN_STATUS_MAX; t++)
                metrics_count(m, "attezt_agent_operations", "status", token_status_to_string(t), signer_n_done(s, t));
        metrics_one_value(m, "attezt_agent_token_connections", "Programs that are connected to the PKCS#11 socket.",
                          (int64_t) c.open);
        metrics_one_count(m, "attezt_agent_refused_token_connections", "Programs that were one too many.", c.refused);
}

void agent_metrics(Metrics *m, void *userdata) {
        const AgentMetrics *a = userdata;

        put_certificate(m, a->agent);
        if (a->renewal)
                put_renewal(m, a->renewal);
        if (a->signer && a->socket)
                put_token(m, a->signer, a->socket);
}
