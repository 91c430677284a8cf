/* SPDX-License-Identifier: MIT */
#pragma once

/* What the agent remembers of its attempts to get certificates, over restarts: a value, changed by what happens, and
 * its text. Times are seconds since the epoch; 0: never. */
#include "protocol/helper-wire.h"
#include "protocol/retry-after.h"

#define RENEWAL_STATE_TEXT_MAX 4096U /* bytes */
#define RENEWAL_AWAY_SEC 60          /* asleep for shorter is not away, nor is a clock that is set by less */

/* How the device last came back, so that what was due meanwhile is due for many devices at once. */
typedef enum RenewalWake {
        WAKE_NONE = 0,
        WAKE_BOOT,
        WAKE_RESUME,
        WAKE_CLOCK, /* was set forward */
        _WAKE_MAX,
} RenewalWake;

typedef struct RenewalState {
        /* Attempts. */
        int64_t succeeded;    /* when the last certificate came */
        int64_t attempted;    /* when the last attempt ended */
        JobOutcome outcome;   /* how; OUTCOME_DONE also before the first */
        bool no_network;      /* it reached no server */
        int64_t reached;      /* since then, a server was reached */
        int64_t retry_at;     /* a server asked not to be asked before */
        uint32_t failures;    /* in a row, without those that reached no server or wait for approval */
        bool declined;        /* unenrolled by hand: nothing enrols this device but a hand */
        /* The machine. */
        RenewalWake wake;
        int64_t woken;        /* when wake was noticed */
        int64_t up;           /* seconds since boot, when last looked at */
        int64_t asleep;       /* of these, without running */
        int64_t booted;       /* when the boot was, by the clock as it was set */
} RenewalState;

/* The end of an attempt, or of a look at whether the servers can be reached. */
typedef struct RenewalEnd {
        JobKind kind;
        JobOutcome outcome;
        bool no_network;
        bool has_certificate; /* the device, before it, and after it unless it is done */
        uint32_t retry_after; /* seconds; 0: nothing was said */
} RenewalEnd;

/* An enrolment that fails says nothing of the renewal of a certificate that is there: it may be a slip of the hand, or
 * another server's. 1: something changed that is worth to be on disk, 0: not so. */
int renewal_state_ended(RenewalState *s, const RenewalEnd *e, int64_t now);

typedef struct RenewalClocks {
        int64_t realtime;     /* seconds since the epoch */
        int64_t boottime;     /* since boot, sleep included */
        int64_t monotonic;    /* since boot, without sleep */
} RenewalClocks;

/* Notices that the device was off, asleep, or had a wrong clock; what lies in the future has been now. The same
 * answer. */
int renewal_state_clocks(RenewalState *s, const RenewalClocks *c);

int renewal_state_format(const RenewalState *s, Bytes *ret);
/* -EBADMSG. */
int renewal_state_parse(ByteView text, RenewalState *ret);
