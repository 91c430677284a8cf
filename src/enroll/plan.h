/* SPDX-License-Identifier: MIT */
#pragma once

/* A job and what is recorded of the enrolment before, put together: what to do in the end. */
#include "enroll/failure.h"
#include "shared/enrollment.h"

typedef struct Plan {
        Job job;
        Enrollment recorded;          /* generation 0: there is none */
        const char *acme_url, *attestation_url;
        const char *recorded_name;    /* NULL: none */
        JobKey key;                   /* never the default */
        JobEk ek;
        int64_t lifetime;
        bool keep_key;                /* recorded.key_pem is to be certified again */
        ByteView ca_pem;
} Plan;

void plan_done(Plan *p);
#define _cleanup_plan_ _cleanup_(plan_done)

/* Takes the job, whatever it returns. */
int plan_make(Job *job, const char *state_dir, Plan *ret, Failure *f);
