/* SPDX-License-Identifier: MIT */
#include "agent/agent-bus.h"

#include <stdio.h>

#include "agent/agent-enroll.h"
#include "agent/enroll-request.h"
#include "shared/access.h"
#include "shared/log.h"
#include "shared/names.h"

struct AgentBus {
        Access *access; /* first: access_dispatch() looks for it here */
        sd_bus *bus;
        Agent *agent;
        Renewal *renewal;
        sd_bus_slot *vtable;
        char *job_caller; /* whom the text of the job's end goes to */
        sd_bus_message *waiting[STATUS_WAITING_MAX];
        size_t n_waiting;
        char *told_state, *told_step;
        int64_t told_not_after, told_next, told_last;
        int64_t told_failures;
        char *told_outcome;
        char *asked_name; /* a detail for polkit, while it is asked */
};

/* --- Jobs --- */

static int start(AgentBus *b, sd_bus_message *m, Job *job, sd_bus_error *error) {
        uint32_t number;
        char *caller;
        int r;

        caller = strdup(sd_bus_message_get_sender(m));
        if (!caller)
                return -ENOMEM;
        r = agent_start(b->agent, job, &number);
        if (r < 0) {
                free(caller);
                if (r == -EBUSY)
                        return sd_bus_error_set(error, ATTEZT_ERROR_BUSY, "Another job is running.");
                return sd_bus_error_setf(error, ATTEZT_ERROR_FAILED, "The enrolment helper could not be started: %s",
                                         strerror(-r));
        }
        free(b->job_caller);
        b->job_caller = caller;
        return sd_bus_reply_method_return(m, "u", number);
}

static int refine_enroll(sd_bus_message *m, void *userdata, AccessQuestion *q, sd_bus_error *error) {
        AgentBus *b = userdata;
        _cleanup_(job_done) Job job = {};
        int r;

        r = enroll_request_read(m, &job, error);
        if (r < 0)
                return r;
        if (agent_enroll_elsewhere(b->agent, &job))
                q->action = "dev.attezt.agent.enroll-elsewhere";

        /* For rules and dialogs, as the caller wrote them: job does not live long enough. */
        free(b->asked_name);
        b->asked_name = TAKE_PTR(job.name);
        const char *const details[] = {
                "acme-server", NULL,
                "attestation-server", NULL,
                "roots", job.ca_pem.size > 0 ? "with roots of the caller's" : "without roots of the caller's",
                "name", b->asked_name ?: "",
                NULL,
        };
        memcpy(q->details, details, sizeof(details));
        r = sd_bus_message_rewind(m, true);
        if (r < 0)
                return r;
        return sd_bus_message_read(m, "ss", &q->details[1], &q->details[3]);
}

static int refine_unenroll(sd_bus_message *m, void *userdata, AccessQuestion *q, sd_bus_error *error) {
        bool revoke = false;
        int r;

        r = request_read_flag(m, "revoke", &revoke, error);
        if (r < 0)
                return r;
        q->details[0] = "revoke";
        q->details[1] = revoke ? "true" : "false";
        return 0;
}

static int method_enroll(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        AgentBus *b = userdata;
        _cleanup_(job_done) Job job = {};
        int r;

        r = enroll_request_read(m, &job, error);
        if (r < 0)
                return r;
        agent_reload_enrollment(b->agent);
        r = agent_enroll_complete(b->agent, &job, error);
        if (r < 0)
                return r;
        return start(b, m, &job, error);
}

static int method_renew(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        AgentBus *b = userdata;
        _cleanup_(job_done) Job job = { .kind = JOB_RENEW, .keep_key = agent_settings(b->agent)->keep_key };
        bool if_due = false;
        int r;

        r = request_read_flag(m, "if-due", &if_due, error);
        if (r < 0)
                return r;
        renewal_look(b->renewal);
        if (if_due && (renewal_next(b->renewal).action != RENEWAL_RENEW || !renewal_is_due(b->renewal)))
                return sd_bus_reply_method_return(m, "u", 0U);
        if (!agent_enrollment(b->agent))
                return sd_bus_error_set(error, ATTEZT_ERROR_NOT_ENROLLED, "This device is not enrolled.");
        r = agent_renew_complete(b->agent, &job);
        if (r < 0)
                return r;
        return start(b, m, &job, error);
}

static int method_unenroll(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        AgentBus *b = userdata;
        Job job = { .kind = JOB_UNENROLL };
        int r;

        r = request_read_flag(m, "revoke", &job.revoke, error);
        if (r < 0)
                return r;
        if (!agent_has_record(b->agent))
                return sd_bus_error_set(error, ATTEZT_ERROR_NOT_ENROLLED, "This device is not enrolled.");
        return start(b, m, &job, error);
}

static int send_finished(AgentBus *b, const char *destination, uint32_t number, JobOutcome outcome, const char *text) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        int r;

        r = sd_bus_message_new_signal(b->bus, &m, ATTEZT_AGENT_OBJECT, ATTEZT_AGENT_INTERFACE, "JobFinished");
        if (r >= 0)
                r = sd_bus_message_append(m, "uss", number, outcome == OUTCOME_DONE ? "" : job_outcome_to_string(outcome),
                                          text);
        if (r < 0)
                return r;
        return destination ? sd_bus_send_to(b->bus, m, destination, NULL) : sd_bus_send(b->bus, m, NULL);
}

/* The text may name the device, so that only its caller gets it, and gets it first. */
static void on_job_finished(uint32_t number, JobOutcome outcome, const char *text, void *userdata) {
        AgentBus *b = userdata;
        int r = 0;

        if (b->job_caller)
                r = send_finished(b, b->job_caller, number, outcome, text);
        free(b->job_caller);
        b->job_caller = NULL;
        if (r >= 0)
                r = send_finished(b, NULL, number, outcome, "");
        if (r < 0)
                log_warning_errno(r, "The end of a job could not be told: %m");
}

/* --- What is asked --- */

static int append_number(sd_bus_message *m, const char *key, int64_t value) {
        return sd_bus_message_append(m, "{sv}", key, "t", (uint64_t) value);
}

static int append(sd_bus_message *m, const char *key, const char *type, const char *text, bool flag) {
        int r;

        r = sd_bus_message_open_container(m, 'e', "sv");
        if (r >= 0)
                r = sd_bus_message_append(m, "s", key);
        if (r >= 0)
                r = *type == 'b' ? sd_bus_message_append(m, "v", "b", (int) flag)
                                 : sd_bus_message_append(m, "v", "s", text ?: "");
        return r < 0 ? r : sd_bus_message_close_container(m);
}

static const char *outcome_of(const RenewalState *s) {
        return s->attempted == 0 ? "" : s->no_network ? "no-network" : job_outcome_to_string(s->outcome);
}

static int append_renewal(sd_bus_message *reply, const Renewal *r) {
        const RenewalState *s = renewal_state(r);
        RenewalPlan next = renewal_next(r);
        int k;

        if ((k = append_number(reply, "next-renewal", next.due)) < 0 ||
            (k = append(reply, "next-renewal-reason", "s", renewal_reason_to_string(next.reason), false)) < 0 ||
            (k = append_number(reply, "last-renewal", s->succeeded)) < 0 ||
            (k = append(reply, "waits-for-approval", "b", NULL, renewal_is_waiting(r))) < 0 ||
            (k = sd_bus_message_append(reply, "{sv}", "renewal-failures", "u", s->failures)) < 0)
                return k;
        return append(reply, "last-outcome", "s", outcome_of(s), false);
}

static int append_status(sd_bus_message *reply, const Agent *a) {
        const Enrollment *e = agent_enrollment(a);
        const AgentSettings *s = agent_settings(a);
        char hash[DEVICE_HASH_TEXT + 1] = "";
        int r;

        if (agent_ek_hash(a))
                device_hash_format(agent_ek_hash(a), hash);
        if ((r = append(reply, "ek-hash", "s", hash, false)) < 0 ||
            (r = append(reply, "enrolled", "b", NULL, e)) < 0 ||
            (r = append(reply, "acme-server", "s", e ? e->acme_url : s->acme_server, false)) < 0 ||
            (r = append(reply, "attestation-server", "s", e ? e->attestation_url : s->attestation_server, false)) < 0 ||
            (r = append(reply, "name", "s", e ? e->name : s->name, false)) < 0 ||
            (r = append(reply, "state", "s", agent_state(a), false)) < 0 ||
            (r = append(reply, "step", "s", agent_step(a), false)) < 0 ||
            (r = append(reply, "chain-pem", "s", e ? (const char *) e->chain_pem.data : NULL, false)) < 0)
                return r;
        return append(reply, "last-error", "s", agent_last_error(a), false);
}

static int reply_status(AgentBus *b, sd_bus_message *m) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        int r;

        r = sd_bus_message_new_method_return(m, &reply);
        if (r >= 0)
                r = sd_bus_message_open_container(reply, 'a', "{sv}");
        if (r >= 0)
                r = append_status(reply, b->agent);
        if (r >= 0)
                r = append_renewal(reply, b->renewal);
        if (r >= 0)
                r = sd_bus_message_close_container(reply);
        return r < 0 ? r : sd_bus_send(b->bus, reply, NULL);
}

static void on_identified(void *userdata) {
        AgentBus *b = userdata;

        while (b->n_waiting > 0) {
                sd_bus_message *m = b->waiting[--b->n_waiting];
                int r = reply_status(b, m);
                if (r < 0)
                        (void) sd_bus_reply_method_errno(m, r, NULL);
                sd_bus_message_unref(m);
        }
}

static int method_get_status(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        AgentBus *b = userdata;
        int r;

        r = request_read_nothing(m, error);
        if (r < 0)
                return r;
        if (b->n_waiting >= STATUS_WAITING_MAX)
                return sd_bus_error_set(error, ATTEZT_ERROR_BUSY, "Too many callers wait for the TPM.");
        r = agent_identify(b->agent);
        if (r < 0)
                return r;
        if (r == 0)
                return reply_status(b, m);
        b->waiting[b->n_waiting++] = sd_bus_message_ref(m);
        return 1;
}

static int method_get_certificate(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        AgentBus *b = userdata;
        const Enrollment *e = agent_enrollment(b->agent);
        const char *which;
        int r;

        r = request_read_string(m, "which", &which, error);
        if (r < 0)
                return r;
        bool ak = strcmp(which, "ak") == 0;
        if (!ak && *which && strcmp(which, "device") != 0)
                return sd_bus_error_set(error, SD_BUS_ERROR_INVALID_ARGS, "which must be \"device\" or \"ak\".");
        const Bytes *pem = !e ? NULL : ak ? &e->ak_chain_pem : &e->chain_pem;
        if (!pem || !pem->data)
                return sd_bus_error_set(error, ATTEZT_ERROR_NOT_ENROLLED, "This device is not enrolled.");
        return sd_bus_reply_method_return(m, "s", (const char *) pem->data);
}

/* --- Properties --- */

static int get_state(sd_bus *bus, const char *path, const char *interface, const char *property,
                     sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        AgentBus *b = userdata;
        return sd_bus_message_append(reply, "s", agent_state(b->agent));
}

static int get_step(sd_bus *bus, const char *path, const char *interface, const char *property,
                    sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        AgentBus *b = userdata;
        return sd_bus_message_append(reply, "s", agent_step(b->agent));
}

static int get_not_after(sd_bus *bus, const char *path, const char *interface, const char *property,
                         sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        AgentBus *b = userdata;
        return sd_bus_message_append(reply, "t", (uint64_t) agent_not_after(b->agent));
}

static int get_next_renewal(sd_bus *bus, const char *path, const char *interface, const char *property,
                            sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        AgentBus *b = userdata;
        return sd_bus_message_append(reply, "t", (uint64_t) renewal_next(b->renewal).due);
}

static int get_last_renewal(sd_bus *bus, const char *path, const char *interface, const char *property,
                            sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        AgentBus *b = userdata;
        return sd_bus_message_append(reply, "t", (uint64_t) renewal_state(b->renewal)->succeeded);
}

static int get_renewal_failures(sd_bus *bus, const char *path, const char *interface, const char *property,
                                sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        AgentBus *b = userdata;
        return sd_bus_message_append(reply, "u", renewal_state(b->renewal)->failures);
}

static int get_last_outcome(sd_bus *bus, const char *path, const char *interface, const char *property,
                            sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        AgentBus *b = userdata;
        return sd_bus_message_append(reply, "s", outcome_of(renewal_state(b->renewal)));
}

/* True once per new number. */
static bool counts(int64_t *told, int64_t value) {
        bool differs = *told != value;
        *told = value;
        return differs;
}

/* True once per new text. */
static bool news(char **told, const char *text) {
        if (*told && strcmp(*told, text) == 0)
                return false;
        free(*told);
        *told = strdup(text);
        return true;
}

static void on_changed(void *userdata) {
        AgentBus *b = userdata;
        const RenewalState *s = renewal_state(b->renewal);
        const char *names[8];
        size_t n = 0;

        if (news(&b->told_state, agent_state(b->agent)))
                names[n++] = "State";
        if (news(&b->told_step, agent_step(b->agent)))
                names[n++] = "Step";
        if (counts(&b->told_not_after, agent_not_after(b->agent)))
                names[n++] = "NotAfter";
        if (counts(&b->told_next, renewal_next(b->renewal).due))
                names[n++] = "NextRenewal";
        if (counts(&b->told_last, s->succeeded))
                names[n++] = "LastRenewal";
        if (counts(&b->told_failures, s->failures))
                names[n++] = "RenewalFailures";
        if (news(&b->told_outcome, outcome_of(s)))
                names[n++] = "LastOutcome";
        names[n] = NULL;
        if (n > 0)
                (void) sd_bus_emit_properties_changed_strv(b->bus, ATTEZT_AGENT_OBJECT, ATTEZT_AGENT_INTERFACE,
                                                           (char **) names);
}

/* --- Tables --- */

static const AccessRow access_table[] = {
        { "Enroll", "dev.attezt.agent.enroll", refine_enroll, method_enroll },
        { "Renew", "dev.attezt.agent.renew", NULL, method_renew },
        { "Unenroll", "dev.attezt.agent.unenroll", refine_unenroll, method_unenroll },
        { "GetStatus", "dev.attezt.agent.status", NULL, method_get_status },
        { "GetCertificate", "dev.attezt.agent.certificate", NULL, method_get_certificate },
        {},
};

static const sd_bus_vtable vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD_WITH_ARGS("Enroll",
                                SD_BUS_ARGS("s", acme_url, "s", attestation_url, "a{sv}", options),
                                SD_BUS_RESULT("u", job), access_dispatch, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Renew", SD_BUS_ARGS("a{sv}", options), SD_BUS_RESULT("u", job), access_dispatch,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Unenroll", SD_BUS_ARGS("a{sv}", options), SD_BUS_RESULT("u", job), access_dispatch,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("GetStatus", SD_BUS_ARGS("a{sv}", options), SD_BUS_RESULT("a{sv}", status),
                                access_dispatch, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("GetCertificate", SD_BUS_ARGS("a{sv}", options), SD_BUS_RESULT("s", pem),
                                access_dispatch, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_SIGNAL_WITH_ARGS("JobFinished", SD_BUS_ARGS("u", job, "s", error, "s", text), 0),
        SD_BUS_PROPERTY("State", "s", get_state, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("Step", "s", get_step, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("NotAfter", "t", get_not_after, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("NextRenewal", "t", get_next_renewal, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("LastRenewal", "t", get_last_renewal, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("RenewalFailures", "u", get_renewal_failures, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("LastOutcome", "s", get_last_outcome, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_VTABLE_END,
};

bool agent_bus_has_work(const AgentBus *b) {
        uint64_t unsent = 0;

        (void) sd_bus_get_n_queued_write(b->bus, &unsent);
        return unsent > 0 || b->n_waiting > 0 || access_has_open(b->access);
}

AgentBus *agent_bus_free(AgentBus *b) {
        if (!b)
                return NULL;
        agent_set_hooks(b->agent, NULL, NULL);
        renewal_set_changed(b->renewal, NULL, NULL);
        for (size_t i = 0; i < b->n_waiting; i++)
                sd_bus_message_unref(b->waiting[i]);
        (void) access_free(b->access);
        sd_bus_slot_unref(b->vtable);
        sd_bus_unref(b->bus);
        free(b->job_caller);
        free(b->told_state);
        free(b->told_step);
        free(b->asked_name);
        free(b->told_outcome);
        free(b);
        return NULL;
}
DEFINE_TRIVIAL_CLEANUP_FUNC(AgentBus *, agent_bus_free)

int agent_bus_new(sd_bus *bus, Agent *agent, Renewal *renewal, AgentBus **ret) {
        static const AgentHooks hooks = {
                .changed = on_changed, .job_finished = on_job_finished, .identified = on_identified,
        };
        _cleanup_(agent_bus_freep) AgentBus *b = calloc(1, sizeof(*b));
        int r;

        if (!b)
                return -ENOMEM;
        b->agent = agent;
        b->renewal = renewal;
        b->bus = sd_bus_ref(bus);
        r = access_new(bus, access_table, b, &b->access);
        if (r < 0)
                return r;
        r = sd_bus_add_object_vtable(bus, &b->vtable, ATTEZT_AGENT_OBJECT, ATTEZT_AGENT_INTERFACE, vtable, b);
        if (r < 0)
                return r;
        on_changed(b); /* nobody listens yet: what is so now is no news later */
        agent_set_hooks(agent, &hooks, b);
        renewal_set_changed(renewal, on_changed, b);
        *ret = TAKE_PTR(b);
        return 0;
}
