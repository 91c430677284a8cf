/* SPDX-License-Identifier: MIT */
#include "agent/renewal.h"

#include <stdio.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <time.h>

#include <systemd/sd-id128.h>

#include "agent/agent-enroll.h"
#include "agent/renewal-file.h"
#include "agent/waiting-job.h"
#include "shared/log.h"

#define MESSAGE_RENEWAL_FAILED SD_ID128_MAKE(c1,0e,4f,7a,93,2d,4b,58,8e,61,0b,f4,2a,97,d5,3c)
#define MESSAGE_EXPIRED SD_ID128_MAKE(38,b6,f0,5d,e7,14,49,ca,b5,92,6e,01,8d,43,7f,a9)
#define TIME_TEXT_MAX 32U
#define FAR_AWAY_SEC (1LL << 33) /* a time for a timer that only hears of clocks and sleep */

struct Renewal {
        Agent *agent;
        char *dir;
        RenewalState state;
        RenewalPlan plan;
        bool planned; /* there was a first look */
        int64_t ask_at; /* not before, if this device has a certificate from elsewhere */
        Bytes waiting; /* a person's job that waits for approval, encoded; empty: there is none */
        int timer_fd;
        sd_event_source *timer;
        void (*changed)(void *userdata);
        void *changed_userdata;
        bool told_unwritable, told_incomplete;
        int64_t told_expired; /* the end of which certificate */
};

static int64_t now(void) {
        return renewal_clocks_now().realtime;
}

/* --- What is remembered --- */

static void save(Renewal *r) {
        int k = renewal_file_write(r->dir, &r->state);

        if (k < 0 && !r->told_unwritable)
                log_warning_errno(k, "Attempts to renew cannot be remembered over a restart, in %s: %m", r->dir);
        r->told_unwritable = k < 0;
}

static void load(Renewal *r) {
        int k = renewal_file_read(r->dir, &r->state);

        if (k < 0 && k != -ENOENT)
                log_warning_errno(k, "What is remembered of attempts to renew, in %s, cannot be read: %m", r->dir);
        k = waiting_job_read(r->dir, &r->waiting);
        if (k < 0 && k != -ENOENT)
                log_warning_errno(k, "The job that waits for approval, in %s, cannot be read; enrol again: %m", r->dir);
}

/* Kept while there may be another answer than the one that came. */
static void remember_job(Renewal *r, JobKind kind, JobOutcome outcome) {
        ByteView job = agent_last_job(r->agent);
        Bytes copy = BYTES_NULL;

        if (kind != JOB_ENROLL && kind != JOB_UNENROLL)
                return;
        if (kind == JOB_ENROLL && outcome == OUTCOME_WAITING) {
                if (view_equal(job, bytes_view(&r->waiting)) || bytes_copy(job, &copy) < 0)
                        return;
                bytes_erase(&r->waiting);
                r->waiting = copy;
                int k = waiting_job_write(r->dir, job);
                if (k < 0)
                        log_warning_errno(k, "The job that waits for approval does not outlast a restart: %m");
        } else if (r->waiting.size > 0 && !(kind == JOB_ENROLL && job_outcome_is_open(outcome))) {
                bytes_erase(&r->waiting);
                waiting_job_forget(r->dir);
        }
}

/* --- The plan --- */

/* Two devices that were copied from one image differ in it, as soon as they are enrolled. */
static uint64_t seed(const Agent *a) {
        const uint8_t *hash = agent_ek_hash(a);
        sd_id128_t id = SD_ID128_NULL;
        uint64_t n;

        if (!hash)
                (void) sd_id128_get_machine(&id);
        memcpy(&n, hash ?: id.bytes, sizeof(n));
        return n;
}

static bool may_enroll(Renewal *r) {
        const AgentSettings *s = agent_settings(r->agent);
        bool complete = s->acme_server && s->attestation_server;

        if (!s->auto_enroll)
                return false;
        if (!complete && !r->told_incomplete)
                log_warning("AutoEnroll= needs ACMEServer= and AttestationServer= beside it.");
        r->told_incomplete = !complete;
        return complete;
}

static void arm_at(Renewal *r, int64_t t) {
        const struct itimerspec when = { .it_value.tv_sec = (time_t) MAX_OF(t, (int64_t) 1) }; /* 0 would disarm it */

        if (timerfd_settime(r->timer_fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &when, NULL) < 0)
                log_warning_errno(-errno, "The timer for renewals cannot be set: %m");
}

/* Nothing is started while something runs: its end is another look. */
static void arm(Renewal *r) {
        arm_at(r, r->plan.action != RENEWAL_NOTHING && !agent_busy(r->agent) ? r->plan.due : FAR_AWAY_SEC);
}

static bool has_certificate(const Renewal *r) {
        return agent_enrollment(r->agent) && agent_not_after(r->agent) > 0;
}

void renewal_look(Renewal *r) {
        const RenewalClocks clocks = renewal_clocks_now();
        RenewalPlan before = r->plan;

        if (renewal_state_clocks(&r->state, &clocks) > 0)
                save(r);
        const RenewalFacts f = {
                .enrolled = has_certificate(r),
                .auto_enroll = may_enroll(r),
                .waiting = r->waiting.size > 0,
                .ask_at = r->ask_at,
                .not_before = agent_not_before(r->agent),
                .not_after = agent_not_after(r->agent),
                .renew_before = agent_settings(r->agent)->renew_before,
                .seed = seed(r->agent),
        };
        r->plan = renewal_plan(&f, &r->state);
        r->planned = true;
        arm(r);
        if (r->changed && memcmp(&before, &r->plan, sizeof(before)) != 0)
                r->changed(r->changed_userdata);
}

bool renewal_is_due(const Renewal *r) {
        return r->plan.action != RENEWAL_NOTHING && r->plan.due <= now();
}

bool renewal_is_soon(const Renewal *r) {
        return r->plan.action != RENEWAL_NOTHING && r->plan.due <= now() + RENEWAL_SOON_SEC;
}

bool renewal_is_planned(const Renewal *r) {
        return r->planned;
}

RenewalPlan renewal_next(const Renewal *r) {
        return r->plan;
}

const RenewalState *renewal_state(const Renewal *r) {
        return &r->state;
}

bool renewal_is_waiting(const Renewal *r) {
        return r->waiting.size > 0;
}

/* --- Attempts --- */

static const char *format_time(int64_t t, char ret[static TIME_TEXT_MAX]) {
        struct tm tm = {};

        if (!gmtime_r(&t, &tm) || strftime(ret, TIME_TEXT_MAX, "%FT%TZ", &tm) == 0)
                ret[0] = 0;
        return ret;
}

static void tell_failure(const Renewal *r) {
        char failures[16], next[TIME_TEXT_MAX], end[TIME_TEXT_MAX];
        const RenewalState *s = &r->state;
        int64_t not_after = agent_not_after(r->agent);
        const char *const fields[] = {
                "ATTEZT_OUTCOME", job_outcome_to_string(s->outcome), "ATTEZT_FAILURES", failures,
                "ATTEZT_NEXT", next, "ATTEZT_NOT_AFTER", not_after > 0 ? end : NULL, NULL,
        };

        (void) snprintf(failures, sizeof(failures), "%u", s->failures);
        (void) format_time(r->plan.due, next);
        (void) format_time(not_after, end);
        if (not_after == 0)
                log_event(LOG_WARNING, MESSAGE_RENEWAL_FAILED, fields,
                          "This device could not enrol itself (%s); the next attempt is at %s.",
                          job_outcome_to_string(s->outcome), next);
        else
                log_event(LOG_WARNING, MESSAGE_RENEWAL_FAILED, fields,
                          "The certificate could not be renewed (%s%s); the next attempt is at %s, it ends at %s.",
                          job_outcome_to_string(s->outcome), s->no_network ? ", no network" : "", next, end);
}

static void tell_expired(Renewal *r) {
        char end[TIME_TEXT_MAX];
        int64_t not_after = agent_not_after(r->agent);
        const char *const fields[] = { "ATTEZT_NOT_AFTER", format_time(not_after, end), NULL };

        if (not_after == 0 || not_after > now() || r->told_expired == not_after)
                return;
        r->told_expired = not_after;
        log_event(LOG_ERR, MESSAGE_EXPIRED, fields, "The certificate has ended at %s and is not renewed yet.", end);
}

/* From inside the agent's own work: what is due begins by the timer. */
static void on_ended(JobKind kind, const Report *report, void *userdata) {
        Renewal *r = userdata;
        const RenewalEnd end = {
                .kind = kind,
                .outcome = report->outcome,
                .no_network = report->no_network,
                .has_certificate = has_certificate(r),
                .retry_after = report->retry_after,
        };
        int news = renewal_state_ended(&r->state, &end, now());

        if (kind == JOB_ENROLL)
                r->ask_at = renewal_ask_at(&end, now());
        remember_job(r, kind, report->outcome);
        if (news > 0)
                save(r);
        renewal_look(r);
        /* A job by hand has told its own failure; where nothing comes after it, there is no more to say. */
        if (news > 0 && r->state.outcome != OUTCOME_DONE && r->state.outcome != OUTCOME_WAITING &&
            r->state.reached == 0 && r->plan.action != RENEWAL_NOTHING)
                tell_failure(r);
}

static int complete_enroll(const Renewal *r, Job *job) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        int k = agent_enroll_complete(r->agent, job, &error);

        if (k < 0 && sd_bus_error_is_set(&error))
                log_warning("This device cannot enrol itself: %s", error.message);
        return k;
}

static int start(Renewal *r) {
        _cleanup_(job_done) Job job = {};
        uint32_t number;
        int k = 0;

        switch (r->plan.action) {
        case RENEWAL_NOTHING:
                return 0;
        case RENEWAL_RENEW:
                job.kind = JOB_RENEW;
                job.keep_key = agent_settings(r->agent)->keep_key;
                k = agent_renew_complete(r->agent, &job);
                if (k < 0)
                        return k;
                return agent_start(r->agent, &job, &number);
        case RENEWAL_ENROLL:
        case RENEWAL_REACH:
                if (r->waiting.size > 0 && (r->plan.action == RENEWAL_ENROLL || !has_certificate(r)))
                        k = job_decode(bytes_view(&r->waiting), &job);
                else
                        k = complete_enroll(r, &job);
                job.kind = r->plan.action == RENEWAL_ENROLL ? JOB_ENROLL : JOB_REACH;
                if (k < 0)
                        return k;
                return job.kind == JOB_REACH ? agent_reach(r->agent, &job) : agent_start(r->agent, &job, &number);
        }
        return 0;
}

static int on_timer(sd_event_source *s, int fd, uint32_t revents, void *userdata) {
        Renewal *r = userdata;
        uint64_t n;

        (void) !read(fd, &n, sizeof(n)); /* ECANCELED: the clock was set, or the machine slept */
        renewal_look(r);
        tell_expired(r);
        if (agent_busy(r->agent) || !renewal_is_due(r))
                return 0;
        if (r->plan.action != RENEWAL_REACH)
                log_info("A certificate is due: %s.", renewal_reason_to_text(r->plan.reason));
        int k = start(r);
        if (k < 0 && k != -EBUSY) { /* as if it had ended at once */
                log_warning_errno(k, "The enrolment helper could not be started: %m");
                JobKind kind = r->plan.action == RENEWAL_ENROLL ? JOB_ENROLL : JOB_RENEW;
                on_ended(kind, &(Report) { .type = REPORT_DONE, .outcome = OUTCOME_FAILED }, r);
                return 0;
        }
        arm(r);
        return 0;
}

/* --- Beginning and end --- */

void renewal_set_changed(Renewal *r, void (*changed)(void *userdata), void *userdata) {
        r->changed = changed;
        r->changed_userdata = userdata;
}

Renewal *renewal_free(Renewal *r) {
        if (!r)
                return NULL;
        agent_set_ended(r->agent, NULL, NULL);
        (void) sd_event_source_disable_unref(r->timer);
        if (r->timer_fd >= 0)
                (void) close(r->timer_fd);
        bytes_erase(&r->waiting);
        free(r->dir);
        free(r);
        return NULL;
}

int renewal_new(sd_event *event, Agent *agent, const char *dir, Renewal **ret) {
        _cleanup_(renewal_freep) Renewal *r = calloc(1, sizeof(*r));
        int k;

        if (!r)
                return -ENOMEM;
        r->agent = agent;
        r->timer_fd = timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK);
        if (r->timer_fd < 0)
                return -errno;
        r->dir = strdup(dir);
        if (!r->dir)
                return -ENOMEM;
        k = sd_event_add_io(event, &r->timer, r->timer_fd, EPOLLIN, on_timer, r);
        if (k < 0)
                return k;
        load(r);
        agent_set_ended(agent, on_ended, r);
        arm_at(r, 1); /* the first look may write to the disk: not before the token is served */
        *ret = TAKE_PTR(r);
        return 0;
}
