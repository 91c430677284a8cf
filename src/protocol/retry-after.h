/* SPDX-License-Identifier: MIT */
#pragma once

/* Retry-After (RFC 9110 §10.2.3). */
#include "shared/bytes.h"

#define RETRY_AFTER_MAX 3600 /* seconds */

/* Seconds, or an HTTP date against now (since the epoch): how long to wait, 0 if that has passed, cut to
 * RETRY_AFTER_MAX. -EBADMSG anything else. */
int retry_after_parse(const char *value, int64_t now, int64_t *ret);
