/* SPDX-License-Identifier: MIT */
#pragma once

/* UTF-8 of RFC 3629: shortest form, no surrogates, nothing above U+10FFFF. */
#include "shared/bytes.h"

bool utf8_valid(ByteView text);

/* The next character; *at moves behind it. at < end. -EBADMSG. */
int utf8_next(const uint8_t **at, const uint8_t *end, uint32_t *ret);
