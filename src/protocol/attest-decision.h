/* SPDX-License-Identifier: MIT */
#pragma once

/* What becomes of a POST /attest: refused, or a question to atteztd. */
#include "protocol/front-wire.h"

typedef enum AttestOutcome {
        ATTEST_ASK = 0,    /* ask atteztd */
        ATTEST_MALFORMED,  /* 400 */
        ATTEST_TOO_LARGE,  /* 413 */
        ATTEST_REFUSED,    /* 403 */
        ATTEST_FAILED,     /* 500: out of memory */
        _ATTEST_OUTCOME_MAX,
} AttestOutcome;

typedef struct AttestDecision {
        AttestOutcome outcome;
        const char *reason;   /* for the client and the journal; constant; NULL for ATTEST_ASK without a remark */
        FrontAttest question; /* ATTEST_ASK; peer is left to the caller */
} AttestDecision;

/* body: as received. now: seconds since the epoch. A client without a trusted EK certificate is asked about
 * like any other, with that as evidence; one whose certificates are all for other keys is refused (F1). */
void attest_decide(ByteView body, const EkTrust *trust, int64_t now, AttestDecision *ret);
