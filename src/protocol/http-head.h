/* SPDX-License-Identifier: MIT */
#pragma once

/* The beginning of an HTTP answer, for who wants to know no more of it than how it went and when. */
#include "shared/bytes.h"

typedef struct HttpHead {
        unsigned status;
        int64_t date; /* seconds since the epoch; 0: it has none, or one that cannot be read */
} HttpHead;

/* text: from the status line on, at least as far as the empty line behind the fields. -EBADMSG: not an answer of
 * HTTP/1; -EAGAIN: the empty line is not there yet. */
int http_head_parse(ByteView text, HttpHead *ret);
