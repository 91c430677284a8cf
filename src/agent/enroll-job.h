/* SPDX-License-Identifier: MIT */
#pragma once

/* One job of the helper attezt-enroll, seen from the agent: started, followed, ended, within a deadline. */
#include <systemd/sd-event.h>

#include "protocol/helper-wire.h"

/* attezt-enroll ends itself after 180 s; this is for one that cannot. */
#define ENROLL_JOB_DEADLINE_SEC 200U
/* A caller of D-Bus waits for it: must be below the bus's usual 25 s. */
#define IDENTIFY_JOB_DEADLINE_SEC 20U
/* After its last report the helper may still tidy up the TPM. */
#define ENROLL_JOB_EXIT_SEC 5U

typedef struct EnrollJob EnrollJob;

typedef struct EnrollHelperSettings {
        const char *socket_path; /* NULL: the default one if it is there, else a child of ours */
        const char *tcti;        /* these are for a child; NULL: its defaults */
        const char *state_dir, *ca_dir;
} EnrollHelperSettings;

typedef struct EnrollJobCallbacks {
        void (*report)(EnrollJob *j, const Report *r, void *userdata); /* REPORT_STEP, REPORT_IDENTITY */
        /* Once, from the loop; may free j. r: REPORT_DONE, in j; its text is for a person, "" on success. */
        void (*done)(EnrollJob *j, const Report *r, void *userdata);
} EnrollJobCallbacks;

int enroll_job_start(const Job *job, const EnrollHelperSettings *settings, sd_event *event,
                     const EnrollJobCallbacks *cb, void *userdata, EnrollJob **ret);
EnrollJob *enroll_job_free(EnrollJob *j);
