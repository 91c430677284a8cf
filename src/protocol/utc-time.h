/* SPDX-License-Identifier: MIT */
#pragma once

/* Dates as text, without libc's calendar, which looks at the environment. Seconds since the epoch, UTC. */
#include "shared/bytes.h"

#define RFC3339_SIZE sizeof("2026-11-23T12:34:56Z")

/* Years 1970 to 9999: -ERANGE. */
int rfc3339_format(int64_t t, char ret[static RFC3339_SIZE]);
/* "2026-11-23T12:34:56Z", or a day, which is its beginning. A date that is none is -EBADMSG. */
int rfc3339_parse(const char *text, int64_t *ret);
/* IMF-fixdate (RFC 9110 §5.6.7), "Sun, 06 Nov 1994 08:49:37 GMT"; years from 1970. The obsolete forms, and a
 * date that is none (31 Feb), are -EBADMSG; the day of the week is not compared. */
int http_date_parse(const char *text, int64_t *ret);
