/* SPDX-License-Identifier: MIT */
#pragma once

/* The inside of EkTrust, for the verdict: the search for a chain (RFC 5280, section 6). */
#include "protocol/certificate.h"
#include "protocol/ek-certificate.h"

#define EK_CHAIN_MAX 6U /* certificates, leaf and anchor included */

/* Ordered: the better, the higher. */
typedef enum EkChain {
        EK_CHAIN_NONE,
        EK_CHAIN_EXPIRED, /* complete, but with a certificate whose time is not now */
        EK_CHAIN_GOOD,
} EkChain;

/* The best chain from leaf to an anchor. What the leaf may be is not asked here, but for its dates. */
EkChain ek_trust_chain(const EkTrust *t, const Certificate *leaf, int64_t now);
