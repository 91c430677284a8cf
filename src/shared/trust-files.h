/* SPDX-License-Identifier: MIT */
#pragma once

/* The certificates that people keep with "attezt ca trust": atteztd writes them, its fronts read them (trust-store.h).
 * One file each, named after its fingerprint, in the folders of trust-record.h. Nothing in the certificates is looked
 * at here. */
#include "protocol/trust-record.h"

#define TRUST_KEPT_MAX 2048U /* certificates */

typedef struct TrustEntry {
        char fingerprint[TRUST_FINGERPRINT_TEXT + 1];
        TrustPlace place;
        TrustRecord record;
        Bytes der;
} TrustEntry;

void trust_entry_done(TrustEntry *e);
#define _cleanup_trust_entry_ _cleanup_(trust_entry_done)

/* Durable; dir is made if it is not there, for all to read. The same certificate elsewhere in dir goes. 1: it is new;
 * 0: it was there (in this place or another). -E2BIG: TRUST_KEPT_MAX are there. */
int trust_files_put(const char *dir, const TrustEntry *e);
/* Likewise durable. -ENOENT: it is not there. distrusted: one of those, or one of the others. */
int trust_files_remove(const char *dir, const char *fingerprint, bool distrusted);

/* Where everything is, in the order of fingerprints. */
typedef struct TrustList {
        struct TrustListed {
                char fingerprint[TRUST_FINGERPRINT_TEXT + 1];
                TrustPlace place;
        } *entries;
        size_t n;
} TrustList;

void trust_list_done(TrustList *l);
#define _cleanup_trust_list_ _cleanup_(trust_list_done)

/* No directory: no entries. Files of other names are passed over. */
int trust_files_list(const char *dir, TrustList *ret);
/* -EBADMSG: somebody has changed the file. */
int trust_files_read(const char *dir, const struct TrustListed *l, TrustEntry *ret);
