/* SPDX-License-Identifier: MIT */
#pragma once

/* Challenges that are out: bounded, expiring, single use. A secret is not kept: it is HMAC-SHA-256 under a key
 * of this process over what it stands for, and the entry is found by the secret's SHA-256.
 *
 * The same EK and AK again get the same secret while half of its time is left, else a second one; two at
 * most, and taking either removes both. An attest request carries no freshness: so a replay must neither
 * replace nor block the honest one. Evidence only ever gets better: what is known of an EK stays known. */
#include "protocol/ek-certificate.h"

#define PENDING_SECRETS_MAX_DEFAULT 4096U
#define PENDING_SECRETS_RESERVED 2U /* one place of so many is kept for EKs with a trusted certificate */
#define PENDING_SECRETS_LIFETIME_DEFAULT (120ULL * 1000 * 1000) /* microseconds, CLOCK_BOOTTIME */
#define PENDING_SECRET_SIZE 32U

typedef enum EkEvidence {
        EK_EVIDENCE_NONE = 0,
        EK_EVIDENCE_UNTRUSTED = 1,
        EK_EVIDENCE_TRUSTED = 2,
} EkEvidence;

/* What stands behind a secret; all by value. */
typedef struct Pending {
        PublicKey ak;
        uint8_t ek_hash[32];
        EkEvidence evidence;
        TpmData tpm;                     /* TRUSTED only */
        char issuer[EK_ISSUER_TEXT_MAX]; /* UNTRUSTED only */
} Pending;

typedef struct PendingSecrets PendingSecrets;

int pending_secrets_new(const uint8_t key[static 32], size_t max, uint64_t lifetime_usec, PendingSecrets **ret);
PendingSecrets *pending_secrets_free(PendingSecrets *s);
DEFINE_TRIVIAL_CLEANUP_FUNC(PendingSecrets *, pending_secrets_free);

/* Adds (or finds) the entry for what and gives its secret. -ENOSPC when full, after expired ones went. */
int pending_secrets_add(PendingSecrets *s, const Pending *what, uint64_t now_usec,
                        uint8_t ret_secret[static PENDING_SECRET_SIZE]);
/* Finds by secret, forgets it and its sibling. -ENOENT unknown, used or expired. */
int pending_secrets_take(PendingSecrets *s, const uint8_t secret[static PENDING_SECRET_SIZE], uint64_t now_usec,
                         Pending *ret);
/* A device got a certificate for this AK: from now on there is a place for the two, even in a full table, and none any
 * more for the AK before. The secrets that are out may so be as many more as there are devices. */
int pending_secrets_certified(PendingSecrets *s, const Pending *what);
/* The same, of a certificate from before this table was made: what was certified since then counts more. */
int pending_secrets_recall(PendingSecrets *s, const Pending *what);
/* Drops what has expired; returns how many are left. */
size_t pending_secrets_expire(PendingSecrets *s, uint64_t now_usec);
/* When the oldest entry expires, UINT64_MAX if there is none. */
uint64_t pending_secrets_next_expiry(const PendingSecrets *s);
