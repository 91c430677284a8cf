/* SPDX-License-Identifier: MIT */
#pragma once

/* Settings files as systemd's: [Section], Key=Value, comments from # or ; at the beginning of a line. No
 * continuation lines, no quoting. */
#include "shared/bytes.h"

#define SETTINGS_FILE_MAX (256U * 1024) /* bytes */
#define SETTINGS_LINE_MAX 4096U         /* bytes */

/* One assignment. section is "" before the first header; white space around key and value is gone. A
 * negative errno ends the pass. */
typedef int (*SettingsFunc)(const char *section, const char *key, const char *value, unsigned line,
                            void *userdata);

/* -EBADMSG a line that is neither of these, or not UTF-8 text; -E2BIG; what func returned. reterr_line (or
 * NULL) is then the line's number, 0 for the file as a whole. */
int settings_parse(ByteView text, SettingsFunc func, void *userdata, unsigned *reterr_line);

/* yes no true false on off 1 0, in any case: -EINVAL otherwise. */
int settings_parse_bool(const char *value, bool *ret);
/* Decimal digits. -EINVAL otherwise, -ERANGE outside of min and max. */
int settings_parse_number(const char *value, size_t min, size_t max, size_t *ret);
/* Seconds, or numbers with units s sec m min h d w y (365 days), added: "90s", "2min", "1h 30m", "1y".
 * -EINVAL otherwise, -ERANGE beyond max. */
int settings_parse_duration(const char *value, int64_t max_seconds, int64_t *ret_seconds);
