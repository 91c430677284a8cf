/* SPDX-License-Identifier: MIT */
#pragma once

/* Trust anchors and intermediates for EK certificates, in memory, and the search for a chain (RFC 5280,
 * section 6). */
#include "protocol/certificate.h"

#define EK_CERTIFICATE_SIZE_MAX (16U * 1024)
#define EK_CHAIN_MAX 6U /* certificates, leaf and anchor included */

typedef struct EkTrust EkTrust;

int ek_trust_new(EkTrust **ret);
EkTrust *ek_trust_free(EkTrust *t);
DEFINE_TRIVIAL_CLEANUP_FUNC(EkTrust *, ek_trust_free);
/* One DER certificate; self-signed ones become anchors, others intermediates (which must chain to an anchor
 * when used). -EINVAL not a certificate, -EEXIST already there, -EKEYREJECTED not a CA for EKs (none at all,
 * one for AIKs, one with a critical extension that is not checked here, or an RSA key below 2048 bits). */
int ek_trust_add(EkTrust *t, ByteView der);
size_t ek_trust_count(const EkTrust *t);

/* Ordered: the better, the higher. */
typedef enum EkChain {
        EK_CHAIN_NONE,
        EK_CHAIN_EXPIRED, /* complete, but with a certificate whose time is not now */
        EK_CHAIN_GOOD,
} EkChain;

/* The best chain from leaf to an anchor. What the leaf may be is not asked here, but for its dates. */
EkChain ek_trust_chain(const EkTrust *t, const Certificate *leaf, int64_t now);
