/* SPDX-License-Identifier: MIT */
#pragma once

/* A bounded pass over a JSON text (RFC 8259) before json-c sees it. json-c 0.16 takes duplicate members,
 * NaN, single quotes, comments and U+0000 in member names; this refuses them, and bad UTF-8, lone
 * surrogates, control characters in strings, depth, and anything after the value. */
#include "shared/bytes.h"

#define JSON_TEXT_MAX (256U * 1024)  /* bytes */
#define JSON_DEPTH_MAX 32U           /* nested arrays and objects that a caller may allow */
#define JSON_MEMBERS_MAX 256U        /* names in all objects that are open at one point of the text */
#define JSON_NUMBER_MAX 40U          /* characters of a number */

/* depth: nested arrays and objects allowed; 1 is an object of plain members. -EBADMSG not JSON or ambiguous,
 * -E2BIG beyond a limit. */
int json_scan(ByteView text, unsigned depth);
