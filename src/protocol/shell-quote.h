/* SPDX-License-Identifier: MIT */
#pragma once

/* Commands for people to paste into a shell: a stranger's text in one of them stays one word, and nothing of it runs. */
#include <stdarg.h>

#include "shared/bytes.h"

/* text as one word of a POSIX shell, between single quotes unless no shell sees anything in it; ret with its NUL.
 * -ENOBUFS: it has no room. */
int shell_quote(const char *text, char *ret, size_t size);
/* As vsnprintf(), but every %s becomes a word of shell_quote(); the format has no other conversion (-EINVAL) than it and
 * %%. -ENOBUFS: there is no room for all of it; part of a command is none. */
int shell_format(char *ret, size_t size, const char *format, va_list ap);
