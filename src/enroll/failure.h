/* SPDX-License-Identifier: MIT */
#pragma once

/* Why a job ends: a value for programs and a text for the person who waits. */
#include "protocol/helper-wire.h"

typedef struct Failure {
        JobOutcome outcome; /* OUTCOME_DONE: nothing said yet */
        bool no_network;      /* no server was reached: no name, no route, no answer */
        uint32_t retry_after; /* seconds that a server asked to wait; 0: it did not */
        char text[REPORT_TEXT_MAX];
} Failure;

/* Fills outcome and text and returns error, so that a step can "return fail(f, …)". The last one to speak wins. */
int fail(Failure *f, int error, JobOutcome outcome, const char *format, ...) __attribute__((format(printf, 4, 5)));
/* An error that nobody explained, said by the step that met it. */
int fail_errno(Failure *f, int error, const char *what);
/* Adds a line. */
void failure_add(Failure *f, const char *format, ...) __attribute__((format(printf, 2, 3)));
