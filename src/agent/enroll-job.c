/* SPDX-License-Identifier: MIT */
#include "agent/enroll-job.h"

#include <stdio.h>

#include "shared/helper.h"
#include "shared/names.h"

#define USEC_PER_SEC 1000000ULL

struct EnrollJob {
        EnrollJobCallbacks callbacks;
        void *userdata;
        Helper *helper;
        sd_event_source *timer;
        bool reported_done;
        Report end;
};

EnrollJob *enroll_job_free(EnrollJob *j) {
        if (!j)
                return NULL;
        (void) helper_free(j->helper);
        (void) sd_event_source_disable_unref(j->timer);
        free(j);
        return NULL;
}
DEFINE_TRIVIAL_CLEANUP_FUNC(EnrollJob *, enroll_job_free)

/* Nothing of j is touched after it. */
static void finish(EnrollJob *j) {
        j->timer = sd_event_source_disable_unref(j->timer);
        j->callbacks.done(j, &j->end, j->userdata);
}

static void finish_with(EnrollJob *j, JobOutcome outcome, const char *text) {
        j->end = (Report) { .type = REPORT_DONE, .outcome = outcome };
        (void) snprintf(j->end.text, sizeof(j->end.text), "%s", text);
        finish(j);
}

static void take_done(EnrollJob *j, const Report *r) {
        j->reported_done = true;
        j->end = *r;
        /* Its exit ends the job: only then are its objects gone from the TPM. */
        (void) sd_event_source_set_time_relative(j->timer, ENROLL_JOB_EXIT_SEC * USEC_PER_SEC);
}

static void on_message(Helper *h, ByteView packet, void *userdata) {
        EnrollJob *j = userdata;
        Report r;

        if (j->reported_done)
                return;
        if (report_decode(packet, &r) < 0) {
                j->helper = helper_free(j->helper);
                finish_with(j, OUTCOME_FAILED, "The enrolment helper sent a message that makes no sense. Are "
                                               "attezt-agent and attezt-enroll of the same version?");
        } else if (r.type == REPORT_DONE)
                take_done(j, &r);
        else
                j->callbacks.report(j, &r, j->userdata);
}

static void on_gone(Helper *h, const char *how, void *userdata) {
        EnrollJob *j = userdata;

        if (!j->reported_done) {
                j->end = (Report) { .type = REPORT_DONE, .outcome = OUTCOME_FAILED };
                (void) snprintf(j->end.text, sizeof(j->end.text),
                                "The enrolment helper ended before its job was done: %s. "
                                "What attezt-enroll logged may say why; nothing was replaced.", how);
        }
        finish(j);
}

static int on_timer(sd_event_source *s, uint64_t usec, void *userdata) {
        EnrollJob *j = userdata;

        j->helper = helper_free(j->helper);
        if (j->reported_done)
                finish(j);
        else
                finish_with(j, OUTCOME_TIMEOUT,
                            "The enrolment helper did not finish in time: the TPM may be busy or hang. Try again.");
        return 0;
}

static const HelperCallbacks helper_callbacks = { .message = on_message, .gone = on_gone };

static int spawn_helper(EnrollJob *j, const EnrollHelperSettings *settings, sd_event *event) {
        _cleanup_free_ char *program = NULL;
        const char *argv[8];
        size_t n = 0;
        int r;

        r = helper_program_path("attezt-enroll", &program);
        if (r < 0)
                return r;
        argv[n++] = program;
        argv[n++] = "--state-dir";
        argv[n++] = settings->state_dir;
        argv[n++] = "--ca-dir";
        argv[n++] = settings->ca_dir;
        if (settings->tcti) {
                argv[n++] = "--tcti";
                argv[n++] = settings->tcti;
        }
        argv[n] = NULL;
        return helper_spawn((char *const *) argv, NULL, 0, event, &helper_callbacks, j, &j->helper);
}

static int open_helper(EnrollJob *j, const EnrollHelperSettings *settings, sd_event *event) {
        if (settings->socket_path)
                return helper_connect(settings->socket_path, event, &helper_callbacks, j, &j->helper);
        if (access(ATTEZT_ENROLL_SOCKET, F_OK) >= 0)
                return helper_connect(ATTEZT_ENROLL_SOCKET, event, &helper_callbacks, j, &j->helper);
        return spawn_helper(j, settings, event);
}

int enroll_job_start(const Job *job, const EnrollHelperSettings *settings, sd_event *event,
                     const EnrollJobCallbacks *cb, void *userdata, EnrollJob **ret) {
        _cleanup_(enroll_job_freep) EnrollJob *j = NULL;
        _cleanup_bytes_erase_ Bytes packet = BYTES_NULL;
        uint64_t deadline = job->kind == JOB_IDENTIFY ? IDENTIFY_JOB_DEADLINE_SEC : ENROLL_JOB_DEADLINE_SEC;
        int r;

        r = job_encode(job, &packet);
        if (r < 0)
                return r;
        j = calloc(1, sizeof(*j));
        if (!j)
                return -ENOMEM;
        j->callbacks = *cb;
        j->userdata = userdata;
        r = open_helper(j, settings, event);
        if (r < 0)
                return r;
        r = sd_event_add_time_relative(event, &j->timer, CLOCK_BOOTTIME, deadline * USEC_PER_SEC, 0, on_timer, j);
        if (r < 0)
                return r;
        r = helper_send(j->helper, bytes_view(&packet));
        if (r < 0)
                return r;
        *ret = TAKE_PTR(j);
        return 0;
}
