/* SPDX-License-Identifier: MIT */
#pragma once

/* One order of one permanent-identifier, from newOrder to the chain (RFC 8555 §7.4, §7.5). */
#include "enroll/acme-client.h"
#include "enroll/chain.h"

#define ACME_POLLS_MAX 60U /* looks at one resource; the job's deadline comes first as a rule */

typedef struct PlacedOrder {
        char *url;
        AcmeOrder order;
        char *authorization_url;
        AcmeAuthorization authorization;
        const AcmeChallenge *challenge; /* NULL: already authorized */
} PlacedOrder;

void placed_order_done(PlacedOrder *p);
#define _cleanup_placed_order_ _cleanup_(placed_order_done)

/* not_after: seconds since the epoch, 0: as the server likes. -ESTALE: the account is gone. */
int acme_order_place(AcmeClient *c, const char *name, int64_t not_after, PlacedOrder *ret, Failure *f);
/* Answers the challenge and waits for the verdict. */
int acme_order_respond(AcmeClient *c, const PlacedOrder *p, ByteView attestation_object, Failure *f);
/* Waits until the order is ready, sends the request, waits for the certificate. */
int acme_order_finalize(AcmeClient *c, PlacedOrder *p, ByteView csr, Failure *f);
int acme_order_download(AcmeClient *c, const PlacedOrder *p, Chain *ret, Failure *f);

int acme_revoke(AcmeClient *c, ByteView certificate, Failure *f);
