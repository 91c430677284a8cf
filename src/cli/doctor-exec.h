/* SPDX-License-Identifier: MIT */
#pragma once

/* A program of ours that looks for itself, as the user whose files it opens. */
#include <stddef.h>

/* Runs it as that user (root only: -EPERM), without input; the last line that it says to standard error is ret_text.
 * Its exit status, or a negative errno. */
int doctor_exec(const char *user, char *const argv[], char *ret_text, size_t size);
