/* SPDX-License-Identifier: MIT */
#include "enroll/failure.h"

#include <stdarg.h>
#include <stdio.h>

/* The wire takes printable ASCII and line breaks only. */
static void clean(char *text) {
        for (char *p = text; *p; p++)
                if ((*p < 0x20 || *p > 0x7e) && *p != '\n')
                        *p = '?';
}

int fail(Failure *f, int error, JobOutcome outcome, const char *format, ...) {
        va_list ap;

        f->outcome = outcome;
        va_start(ap, format);
        (void) vsnprintf(f->text, sizeof(f->text), format, ap);
        va_end(ap);
        clean(f->text);
        return error;
}

int fail_errno(Failure *f, int error, const char *what) {
        return fail(f, error, OUTCOME_FAILED, "%s: %s", what, strerror(-error));
}

void failure_add(Failure *f, const char *format, ...) {
        size_t n = strlen(f->text);
        va_list ap;

        if (n + 2 >= sizeof(f->text))
                return;
        f->text[n++] = '\n';
        va_start(ap, format);
        (void) vsnprintf(f->text + n, sizeof(f->text) - n, format, ap);
        va_end(ap);
        clean(f->text);
}
