/* SPDX-License-Identifier: MIT */
#pragma once

/* Trust anchors and intermediates for EK certificates, in memory, and the search for a chain (RFC 5280,
 * section 6). */
#include "protocol/certificate.h"
#include "protocol/tpm-vendors.h"

#define EK_CERTIFICATE_SIZE_MAX (16U * 1024)
#define EK_CHAIN_MAX 6U /* certificates, leaf and anchor included */

/* What the certificates below an anchor may be that others may not: by setting, per vendor (ek-policy.h). */
typedef enum EkAllow {
        EK_ALLOW_EXPIRED = 1 << 0, /* EK certificates beyond their time: hardware outlives them */
        EK_ALLOW_SHA1_EK = 1 << 1, /* EK certificates signed with SHA-1 */
        EK_ALLOW_SHA1_CA = 1 << 2, /* intermediates signed with SHA-1 */
} EkAllow;

/* Where a certificate comes from. */
typedef struct EkOrigin {
        const char *vendor; /* "" or NULL: not known */
        unsigned allow;     /* of EkAllow; counts where the certificate is the anchor of a chain */
        bool anchor;        /* it is one, though another has signed it */
} EkOrigin;

/* A CA certificate of the store. */
typedef struct EkIssuer {
        CertificateParts parts;
        int64_t not_before, not_after;
        char vendor[TPM_VENDOR_MAX_NAME];
        unsigned allow;
        bool anchor;
        bool sent; /* by the device, not of the store */
} EkIssuer;

typedef struct EkTrust EkTrust;

int ek_trust_new(EkTrust **ret);
EkTrust *ek_trust_free(EkTrust *t);
DEFINE_TRIVIAL_CLEANUP_FUNC(EkTrust *, ek_trust_free);
/* One DER certificate; self-signed ones become anchors, others intermediates (which must chain to an anchor
 * when used), unless origin (or NULL) says anchor. ret (or NULL) is set on success, and for -EEXIST.
 * -EINVAL not a certificate, -EEXIST already there (as an anchor, if origin says so), -EKEYREJECTED not a CA for
 * EKs (none at all, one for AIKs, one with a critical extension that is not checked here, or an RSA key below 2048
 * bits), -EKEYREVOKED it was taken out of trust. */
int ek_trust_add(EkTrust *t, ByteView der, const EkOrigin *origin, const EkIssuer **ret);
/* This certificate will not be added, wherever it comes from and however its signature is encoded. To be said before.
 * -EINVAL it is none. */
int ek_trust_distrust(EkTrust *t, ByteView der);
size_t ek_trust_count(const EkTrust *t);

/* What a device sends beside its EK certificate: a store of its own over base, which must outlive it, and is not
 * changed. Nothing in it is ever an anchor, and only what an issuer of base has signed, or one of those before, gets
 * in: no key of a stranger is used to verify anything. */
int ek_trust_new_sent(const EkTrust *base, EkTrust **ret);
/* 1: added; 0: signed by nobody who is known (so far), or there already. -ENOMEM */
int ek_trust_add_sent(EkTrust *sent, const CertificateParts *parts);

/* Ordered: the better, the higher. */
typedef enum EkChain {
        EK_CHAIN_NONE,
        EK_CHAIN_EXPIRED, /* complete, but with a certificate whose time is not now */
        EK_CHAIN_GOOD,
} EkChain;

/* Where the search for a chain ended. Ordered: the nearer to a chain, the higher. */
typedef enum EkBreak {
        EK_BREAK_NO_ISSUER, /* nobody of that name is in the store */
        EK_BREAK_SIGNATURE, /* there is, but has not signed it */
        EK_BREAK_LENGTH,    /* the chain is too long, or longer than one of its certificates allows */
        EK_BREAK_SHA1,      /* there is a chain, with a signature of SHA-1 that is not allowed for this vendor */
} EkBreak;

/* The best chain there is; without any, the one that came nearest. */
typedef struct EkPath {
        EkChain chain;
        unsigned n;                                 /* issuers, the leaf's first */
        const EkIssuer *issuers[EK_CHAIN_MAX - 1];  /* the last of a complete chain is the anchor */
        unsigned used;                              /* of EkAllow: what it took */
        EkBreak why;                                /* EK_CHAIN_NONE */
        ByteView wanted;                            /* … the Name that the last certificate gives as its issuer */
} EkPath;

/* From leaf to an anchor. What the leaf may be is not asked here, but for its dates. */
void ek_trust_chain(const EkTrust *t, const Certificate *leaf, int64_t now, EkPath *ret);
