/* SPDX-License-Identifier: MIT */
#pragma once

/* The record of what was signed, as the server has it. */
#include "cli/ca.h"
#include "protocol/signing-log.h"

typedef struct SigningLog {
        LogEntry *entries;  /* as far as the chain holds */
        size_t n;
        LogHead head;       /* of the last of them */
        LogHead served;     /* what the server says is the end */
        LogHead wanted;     /* to look for on the way: its count is given */
        bool found;         /* the chain goes through it */
        uint64_t broken;    /* number of the entry at which it does not go on; 0: it is whole */
} SigningLog;

void signing_log_done(SigningLog *l);
/* Reads entries that are not read yet, to the end. Returns the exit status after telling why. */
int signing_log_read(Cli *c, SigningLog *l);
/* Whether the record, which is read on to its end, has the CA's own certificates and the revocation list that is served.
 * Returns the exit status after telling why. */
int signing_log_check_ca(Cli *c, SigningLog *l, bool *ret_good);
