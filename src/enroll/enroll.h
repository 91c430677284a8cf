/* SPDX-License-Identifier: MIT */
#pragma once

/* The jobs. Straight-line and blocking; what is on disk changes at their end, in one step, or not at all. */
#include "enroll/plan.h"

typedef struct EnrollSettings {
        const char *tcti;      /* NULL: the default */
        const char *state_dir;
        const char *ca_dir;
} EnrollSettings;

int enroll_identify(const EnrollSettings *s, const Plan *p, Failure *f);
/* Whether the ACME server can be reached. */
int enroll_reach(const EnrollSettings *s, const Plan *p, Failure *f);
int enroll_run(const EnrollSettings *s, const Plan *p, Failure *f);   /* enrol and renew */
int unenroll_run(const EnrollSettings *s, const Plan *p, Failure *f);
