/* SPDX-License-Identifier: MIT */
#pragma once

/* A text that many answers hand out at once: one piece of memory, which goes with the last of them. Of one thread. */
#include "shared/bytes.h"

typedef struct SharedText SharedText;

int shared_text_new(Bytes *text, SharedText **ret); /* text: taken, when it succeeds */
SharedText *shared_text_ref(SharedText *t);
SharedText *shared_text_unref(SharedText *t);
ByteView shared_text_view(const SharedText *t); /* NULL: empty */
