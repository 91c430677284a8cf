/* SPDX-License-Identifier: MIT */
#pragma once

/* When the next attempt to get a certificate is due, and why. The rules:
 *   - at two thirds of the certificate's life (or RenewBefore= its end), spread over a sixth of it;
 *   - when the device comes back (boot, resume, clock) and the certificate is past a third of its life: soon, spread
 *     over up to half an hour; at once if it has ended meanwhile;
 *   - after a failure: exponential backoff, spread, and not before a server's Retry-After;
 *     nor as late as the server says if a quarter of what is left of the certificate is over before;
 *   - while the device waits for approval: as often as the server says, which lengthens nothing; one that has a
 *     certificate, and asks another server for one, renews it meanwhile;
 *   - where no server could be reached: look again every 30 seconds, which lengthens nothing. Once one is reached the
 *     attempt is due: at once if the certificate had ended before the device came back, else spread;
 *   - a certificate that has just come rests for an eighth of its life, whatever the clock thinks of it.
 * What is spread is so by the device's seed, and stays the same when it is asked again: many devices that come back
 * at one moment do not ask at one. */
#include "protocol/renewal-state.h"

#define RENEWAL_REACH_SEC 30             /* between two looks for a server */
#define RENEWAL_WAKE_SPREAD_MAX 1800     /* seconds; an eighth of what is left of the certificate, if that is less */
#define RENEWAL_EXPIRED_SPREAD_MAX 300   /* it ended while the device was there, without network */
#define RENEWAL_APPROVAL_SEC 60          /* between two questions, where the server does not say */
#define RENEWAL_BACKOFF_MIN 5            /* seconds after a first failure; a 1440th of the certificate's life, */
#define RENEWAL_BACKOFF_START_MAX 60     /* but no more than this */
#define RENEWAL_BACKOFF_MAX 3600         /* and at most; a 24th of the certificate's life, if that is less */
#define RENEWAL_ENROLL_BACKOFF 30        /* the same without a certificate: somebody may be about to let it in */
#define RENEWAL_ENROLL_BACKOFF_MAX 900

typedef enum RenewalAction {
        RENEWAL_NOTHING = 0,
        RENEWAL_ENROLL,
        RENEWAL_RENEW,
        RENEWAL_REACH, /* look whether there is a network: JOB_REACH */
} RenewalAction;

typedef enum RenewalReason {
        REASON_NONE = 0,
        REASON_AGE,         /* two thirds of its life */
        REASON_SET,         /* RenewBefore= */
        REASON_BOOT,
        REASON_RESUME,
        REASON_CLOCK,
        REASON_UNENROLLED,  /* AutoEnroll= */
        REASON_BACKOFF,
        REASON_RETRY_AFTER,
        REASON_NO_NETWORK,
        REASON_NETWORK,     /* has come back */
        REASON_APPROVAL,    /* a person at the server is asked */
        REASON_JUST_CAME,   /* the clock says that the certificate is old, and it is new */
        _REASON_MAX,
} RenewalReason;

typedef struct RenewalFacts {
        bool enrolled, auto_enroll;
        bool waiting;                  /* what a person has asked for waits for approval */
        int64_t ask_at;                /* and it is asked for again, if the device has a certificate */
        int64_t not_before, not_after; /* of the certificate, if enrolled */
        int64_t renew_before;          /* seconds before its end; 0: at two thirds */
        uint64_t seed;                 /* of this device */
} RenewalFacts;

typedef struct RenewalPlan {
        RenewalAction action;
        RenewalReason reason;
        int64_t due; /* may have passed */
} RenewalPlan;

RenewalPlan renewal_plan(const RenewalFacts *f, const RenewalState *s);
/* After such an enrolment, which has nothing to do with the plan of the renewal. */
int64_t renewal_ask_at(const RenewalEnd *e, int64_t now);

/* Whether a person is to hear of it: a sixth of the certificate's life is left, or nothing, and attempts fail. */
typedef enum RenewalNotice {
        NOTICE_NONE,
        NOTICE_SOON,
        NOTICE_ENDED,
} RenewalNotice;

/* not_after: 0 without a certificate. succeeded: when it came; 0: not known, then it counts as one for a day. */
RenewalNotice renewal_notice(bool failing, int64_t succeeded, int64_t not_after, int64_t now);

const char *renewal_reason_to_string(RenewalReason r); /* "age" */
RenewalReason renewal_reason_from_string(const char *s); /* REASON_NONE for what is not known */
const char *renewal_reason_to_text(RenewalReason r);   /* "two thirds of its life are over"; "" for REASON_NONE */
