/* SPDX-License-Identifier: MIT */
#include "agent/agent.h"

#include <stdio.h>

#include "agent/enroll-job.h"
#include "protocol/certificate-view.h"
#include "shared/log.h"
#include "shared/names.h"

#define MESSAGE_JOB_STARTED SD_ID128_MAKE(5d,2f,0b,53,6c,18,4e,1a,9d,7c,38,c2,94,1e,6a,02)
#define MESSAGE_JOB_FINISHED SD_ID128_MAKE(7e,84,1d,c9,02,b5,4f,63,8a,40,d1,6b,57,f3,0c,9e)

DEFINE_TRIVIAL_CLEANUP_FUNC(EnrollJob *, enroll_job_free)

/* Who asks for the status again and again does not start a helper each time. */
#define IDENTIFY_PAUSE_USEC (2U * 1000 * 1000)

struct Agent {
        sd_event *event;
        AgentOptions options;
        AgentSettings settings;
        AgentHooks hooks;
        void *hooks_userdata;
        void (*loaded)(void *userdata);
        void *loaded_userdata;
        AgentEnded ended;
        void *ended_userdata;

        bool enrolled, damaged;
        Enrollment enrollment;
        int64_t not_before, not_after;

        EnrollJob *running;  /* one helper at a time, be it for a job or to identify */
        JobKind running_kind;
        Bytes running_packet; /* the job, as it was sent; may hold a secret */
        bool working;        /* a job has a number and no end yet: it runs, or waits behind an identification */
        Job waiting;         /* its kind is 0 when there is none */
        uint32_t last_number;
        uint64_t n_jobs[_OUTCOME_MAX];
        JobStep step;
        bool waits;          /* the last job ended with OUTCOME_WAITING: what repeats it is not worth the log */

        bool ek_known;
        uint8_t ek_hash[32];
        bool identify_wanted;    /* as soon as the helper is free */
        uint64_t identify_after; /* CLOCK_BOOTTIME, microseconds: no new attempt before */
        char *job_error, *identify_error;
};

/* --- What is on disk --- */

static void load_validity(Agent *a) {
        _cleanup_certificate_chain_view_ CertificateChainView chain = {};

        a->not_before = a->not_after = 0;
        if (!a->enrolled || certificate_chain_view_from_pem(bytes_view(&a->enrollment.chain_pem), &chain) < 0)
                return;
        a->not_before = chain.certificates[0].not_before;
        a->not_after = chain.certificates[0].not_after;
}

static void load_enrollment(Agent *a) {
        Enrollment e = {};
        int r = enrollment_load(a->options.state_dir, &e);

        if (r < 0 && r != -ENOENT)
                log_warning_errno(r, "What is recorded in %s cannot be read: %m", a->options.state_dir);
        if (r < 0 && a->enrolled)
                a->ek_known = false; /* it was of the EK chosen then */
        a->damaged = r < 0 && r != -ENOENT;
        a->enrolled = r >= 0;
        enrollment_done(&a->enrollment);
        a->enrollment = e;
        load_validity(a);
        if (a->loaded)
                a->loaded(a->loaded_userdata);
}

int agent_reload(Agent *a) {
        AgentSettings settings;
        int r;

        r = agent_settings_load(a->options.config, &settings);
        if (r < 0)
                return r;
        agent_settings_done(&a->settings);
        a->settings = settings;
        load_enrollment(a);
        return 0;
}

void agent_reload_enrollment(Agent *a) {
        if (!a->working)
                load_enrollment(a);
}

const Enrollment *agent_enrollment(const Agent *a) {
        return a->enrolled ? &a->enrollment : NULL;
}

bool agent_has_record(const Agent *a) {
        return a->enrolled || a->damaged;
}

const AgentSettings *agent_settings(const Agent *a) {
        return &a->settings;
}

const char *agent_state(const Agent *a) {
        return a->working ? "working" : a->enrolled ? "enrolled" : "unenrolled";
}

const char *agent_step(const Agent *a) {
        return a->working && a->step > 0 ? job_step_to_string(a->step) : "";
}

bool agent_busy(const Agent *a) {
        return a->running || a->working;
}

int64_t agent_not_before(const Agent *a) {
        return a->not_before;
}

int64_t agent_not_after(const Agent *a) {
        return a->not_after;
}

const uint8_t *agent_ek_hash(const Agent *a) {
        return a->enrolled ? a->enrollment.ek_hash : a->ek_known ? a->ek_hash : NULL;
}

uint64_t agent_n_jobs(const Agent *a, JobOutcome o) {
        return a->n_jobs[o];
}

const char *agent_last_error(const Agent *a) {
        return a->job_error ?: a->identify_error ?: a->damaged ? "What is recorded of the enrolment cannot be read. "
                                                                  "Enrol again, or remove it with \"attezt unenroll\"."
                                                                : "";
}

/* --- Jobs --- */

static void set_text(char **p, const char *text) {
        free(*p);
        *p = text ? strdup(text) : NULL;
}

static const char *kind_to_string(JobKind kind) {
        switch (kind) {
        case JOB_IDENTIFY:
                return "identify";
        case JOB_ENROLL:
                return "enroll";
        case JOB_RENEW:
                return "renew";
        case JOB_UNENROLL:
                return "unenroll";
        case JOB_REACH:
                return "reach";
        }
        return "unknown";
}

/* Jobs without a number, which nobody but this program asks for. */
static bool is_quiet(JobKind kind) {
        return kind == JOB_IDENTIFY || kind == JOB_REACH;
}

static void log_job(bool again, sd_id128_t id, JobKind kind, JobOutcome outcome, const char *text) {
        char line[REPORT_TEXT_MAX];
        const char *const fields[] = {
                "ATTEZT_JOB", kind_to_string(kind), "ATTEZT_OUTCOME", job_outcome_to_string(outcome), NULL,
        };

        (void) snprintf(line, sizeof(line), "%s", text);
        for (char *p = line; *p; p++)
                if (*p == '\n')
                        *p = ' ';
        if (sd_id128_equal(id, MESSAGE_JOB_STARTED))
                log_event(again ? LOG_DEBUG : LOG_INFO, id, fields, "Job \"%s\" begins.", kind_to_string(kind));
        else if (outcome == OUTCOME_DONE)
                log_event(LOG_INFO, id, fields, "Job \"%s\" is done.", kind_to_string(kind));
        else if (outcome == OUTCOME_WAITING)
                log_event(again ? LOG_DEBUG : LOG_NOTICE, id, fields, "Job \"%s\" waits: %s", kind_to_string(kind), line);
        else
                log_event(LOG_WARNING, id, fields, "Job \"%s\" failed (%s): %s", kind_to_string(kind),
                          job_outcome_to_string(outcome), line);
}

static void on_report(EnrollJob *j, const Report *r, void *userdata) {
        Agent *a = userdata;

        if (r->type == REPORT_IDENTITY) {
                memcpy(a->ek_hash, r->ek_hash, sizeof(a->ek_hash));
                a->ek_known = true;
                set_text(&a->identify_error, NULL);
                a->hooks.identified(a->hooks_userdata);
        } else if (r->type == REPORT_STEP && a->working && !is_quiet(a->running_kind)) {
                a->step = r->step;
                log_debug("%s %s", job_step_to_text(r->step), r->text);
                a->hooks.changed(a->hooks_userdata);
        }
}

static void tell_ended(Agent *a, JobKind kind, const Report *r) {
        if (a->ended)
                a->ended(kind, r, a->ended_userdata);
}

static void end_job(Agent *a, JobKind kind, const Report *r) {
        char enrolled[LOG_ESCAPED_MAX + 64], name[LOG_ESCAPED_MAX];
        JobOutcome outcome = r->outcome;
        const char *text = r->text;

        a->n_jobs[outcome]++;
        log_job(a->waits, MESSAGE_JOB_FINISHED, kind, outcome, text);
        a->waits = outcome == OUTCOME_WAITING;
        set_text(&a->job_error, outcome == OUTCOME_DONE ? NULL : text);
        load_enrollment(a);
        if (outcome == OUTCOME_DONE && a->enrolled && a->enrollment.name) {
                (void) log_escape(a->enrollment.name, strlen(a->enrollment.name), name);
                (void) snprintf(enrolled, sizeof(enrolled), "This device is enrolled as %s.", name);
                text = enrolled;
        }
        a->working = false;
        a->step = 0;
        tell_ended(a, kind, r);
        a->hooks.changed(a->hooks_userdata);
        a->hooks.job_finished(a->last_number, outcome, text, a->hooks_userdata);
}

static int run(Agent *a, const Job *job);

static void run_waiting(Agent *a) {
        _cleanup_(job_done) Job job = TAKE_GENERIC(a->waiting, (Job) {});
        Report end = { .type = REPORT_DONE, .outcome = OUTCOME_FAILED };
        int r;

        if (job.kind == 0)
                return;
        r = run(a, &job);
        if (r < 0) {
                (void) snprintf(end.text, sizeof(end.text), "The enrolment helper could not be started: %s",
                                strerror(-r));
                end_job(a, job.kind, &end);
        }
}

static uint64_t now(const Agent *a) {
        uint64_t t = 0;
        (void) sd_event_now(a->event, CLOCK_BOOTTIME, &t);
        return t;
}

static void end_identification(Agent *a, const Report *r) {
        set_text(&a->identify_error, r->outcome == OUTCOME_DONE ? NULL : r->text);
        a->identify_after = now(a) + IDENTIFY_PAUSE_USEC;
        if (r->outcome != OUTCOME_DONE)
                log_notice("The TPM's endorsement key could not be read: %s", r->text);
}

/* True: somebody asked for it while the helper looked for the network, and it is under way. */
static bool identify_now(Agent *a) {
        const Job job = { .kind = JOB_IDENTIFY };
        bool wanted = a->identify_wanted && a->waiting.kind == 0 && !agent_ek_hash(a);

        a->identify_wanted = false;
        return wanted && run(a, &job) >= 0;
}

static void on_done(EnrollJob *j, const Report *r, void *userdata) {
        Agent *a = userdata;
        _cleanup_(enroll_job_freep) EnrollJob *ended = TAKE_PTR(a->running); /* r is in it */

        if (a->running_kind == JOB_IDENTIFY) {
                end_identification(a, r);
                tell_ended(a, JOB_IDENTIFY, r);
        } else if (a->running_kind == JOB_REACH) {
                if (r->outcome != OUTCOME_DONE)
                        set_text(&a->job_error, r->text);
                tell_ended(a, JOB_REACH, r);
        } else
                end_job(a, a->running_kind, r);
        if (identify_now(a))
                return;
        a->hooks.identified(a->hooks_userdata);
        run_waiting(a);
}

static int run(Agent *a, const Job *job) {
        static const EnrollJobCallbacks callbacks = { .report = on_report, .done = on_done };
        const EnrollHelperSettings helper = {
                .socket_path = a->options.enroll_socket,
                .tcti = a->options.tcti ?: a->settings.tcti,
                .state_dir = a->options.state_dir,
                .ca_dir = a->options.ca_dir,
        };
        int r;

        r = enroll_job_start(job, &helper, a->event, &callbacks, a, &a->running);
        if (r < 0)
                return r;
        a->running_kind = job->kind;
        bytes_erase(&a->running_packet);
        if (job->kind == JOB_ENROLL)
                (void) job_encode(job, &a->running_packet); /* was so a moment ago */
        return 0;
}

ByteView agent_last_job(const Agent *a) {
        return bytes_view(&a->running_packet);
}

int agent_start(Agent *a, Job *job, uint32_t *ret_number) {
        int r;

        if (a->working)
                return -EBUSY;
        if (!a->running) {
                r = run(a, job);
                if (r < 0)
                        return r;
        }
        a->working = true;
        a->step = 0;
        if (++a->last_number == 0)
                a->last_number = 1;
        log_job(a->waits, MESSAGE_JOB_STARTED, job->kind, OUTCOME_DONE, "");
        if (is_quiet(a->running_kind))
                a->waiting = TAKE_GENERIC(*job, (Job) {});
        *ret_number = a->last_number;
        a->hooks.changed(a->hooks_userdata);
        return 0;
}

int agent_reach(Agent *a, const Job *job) {
        return agent_busy(a) ? -EBUSY : run(a, job);
}

int agent_identify(Agent *a) {
        const Job job = { .kind = JOB_IDENTIFY };
        char text[128];
        int r;

        if (agent_ek_hash(a))
                return 0;
        if (a->running) {
                a->identify_wanted = a->running_kind == JOB_REACH;
                return 1;
        }
        if (now(a) < a->identify_after)
                return 0;
        r = run(a, &job);
        if (r < 0) {
                (void) snprintf(text, sizeof(text), "The enrolment helper could not be started: %s", strerror(-r));
                set_text(&a->identify_error, text);
                return 0;
        }
        return 1;
}

/* --- Beginning and end --- */

const AgentOptions *agent_options(const Agent *a) {
        return &a->options;
}

static void no_change(void *userdata) {
}

static void no_finish(uint32_t number, JobOutcome outcome, const char *text, void *userdata) {
}

void agent_set_hooks(Agent *a, const AgentHooks *hooks, void *userdata) {
        static const AgentHooks none = { .changed = no_change, .job_finished = no_finish, .identified = no_change };

        a->hooks = hooks ? *hooks : none;
        a->hooks_userdata = userdata;
}

void agent_set_loaded(Agent *a, void (*loaded)(void *userdata), void *userdata) {
        a->loaded = loaded;
        a->loaded_userdata = userdata;
        if (loaded)
                loaded(userdata);
}

void agent_set_ended(Agent *a, AgentEnded ended, void *userdata) {
        a->ended = ended;
        a->ended_userdata = userdata;
}

Agent *agent_free(Agent *a) {
        if (!a)
                return NULL;
        (void) enroll_job_free(a->running);
        bytes_erase(&a->running_packet);
        job_done(&a->waiting);
        enrollment_done(&a->enrollment);
        agent_settings_done(&a->settings);
        free(a->job_error);
        free(a->identify_error);
        sd_event_unref(a->event);
        free(a);
        return NULL;
}
DEFINE_TRIVIAL_CLEANUP_FUNC(Agent *, agent_free)

int agent_new(sd_event *event, const AgentOptions *options, Agent **ret) {
        _cleanup_(agent_freep) Agent *a = calloc(1, sizeof(*a));
        int r;

        if (!a)
                return -ENOMEM;
        a->event = sd_event_ref(event);
        a->options = *options;
        agent_set_hooks(a, NULL, NULL);
        r = agent_reload(a);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(a);
        return 0;
}
