/* SPDX-License-Identifier: MIT */
#pragma once

/* Who could not be told of a certificate, and who need not be told of it again: a file in JSON that attezt-renewed writes
 * and "attezt status" shows. */
#include "protocol/json-value.h"

#define TOLD_FILE "failed"
#define TOLD_TEXT_MAX (64U * 1024) /* bytes */
#define TOLD_NAMES_MAX 128U        /* each of done and failed */
#define TOLD_NAME_MAX 1024U        /* bytes */
#define TOLD_TRIES_MAX 5U          /* then it stays as it is until the next certificate */

typedef struct Told {
        uint32_t tries;
        struct json_object *done, *failed; /* arrays of names */
} Told;

int told_new(Told *ret);
void told_done(Told *t);
#define _cleanup_told_ _cleanup_(told_done)

/* name: ASCII. */
int told_add(Told *t, const char *name, bool failed);
bool told_has_done(const Told *t, const char *name);
size_t told_failures(const Told *t);
/* Those that failed are to be told again. */
int told_next_try(Told *t);
/* Of those that failed; NULL: no more. */
const char *told_failure(const Told *t, size_t i);

int told_format(const Told *t, Bytes *ret);
/* -EBADMSG. */
int told_parse(ByteView text, Told *ret);
