/* SPDX-License-Identifier: MIT */
#pragma once

/* A program of ours that looks for itself, as the user whose files it opens. */
#include <stddef.h>

#define DOCTOR_OUTPUT_MAX 16384U

/* Runs it as that user (root only: -EPERM) or, if that is NULL, as ourselves, without input; what it says to standard
 * error is ret_text, without the last newline. Its exit status, or a negative errno. */
/* Beside us, as in a build, else where it is installed. NULL: no memory. */
char *doctor_daemon(const char *program);
int doctor_exec(const char *user, char *const argv[], char ret_text[static DOCTOR_OUTPUT_MAX]);
