/* SPDX-License-Identifier: MIT */
#pragma once

/* What was signed, what of it was revoked, the revocation list made last, and the record of it all: in the file of the
 * devices, so that one transaction covers both. Blocking and in step; device-store opens and commits.
 *
 *   i SERIAL    issued certificate            z p NUMBER  serial at this place of the listing, or where to go on
 *   z h HASH    place of a device's last one  z x SERIAL  revocation
 *   z v NUMBER  serial of this revocation     z l NUMBER  entry of the record of what was signed
 *   z g HASH    entry of what is no AK certificate, by the SHA-256 of its DER
 *   z C         revocation list, PEM          z c         counts
 */
#include "protocol/issued-record.h"
#include "shared/issued-records.h"

/* What a device still holds. */
typedef struct IssuedHeld {
        unsigned revoked;      /* by this call */
        int64_t until;         /* end of the last of its certificates that are valid; 0: none is */
        int64_t last;          /* likewise of all, expired ones too; 0: it never had one */
} IssuedHeld;

/* What is there of all that were issued. */
typedef struct IssuedKept {
        uint64_t held;
        int64_t dropped_until; /* certificates that ended before may be gone; 0: all are there */
} IssuedKept;

/* Certificates of a file that is older than listing and record get their places in both: writes then. */
int issued_store_open(RecordStore *records, IssuedStore **ret);
IssuedStore *issued_store_free(IssuedStore *s);
DEFINE_TRIVIAL_CLEANUP_FUNC(IssuedStore *, issued_store_free);

/* Around a transaction: before it commits, and when it has or has not. */
int issued_store_prepare(IssuedStore *s);
bool issued_store_changed(const IssuedStore *s); /* the counts, by the open transaction */
void issued_store_finish(IssuedStore *s, bool committed);

LogHead issued_store_head(const IssuedStore *s);            /* of what is committed */
CrlState issued_store_crl(const IssuedStore *s);            /* likewise */
uint64_t issued_store_revocations(const IssuedStore *s);    /* likewise */
IssuedKept issued_store_kept(const IssuedStore *s);         /* likewise */

/* Reading. -ENOENT. The certificate of an Issued points into record. */
int issued_store_get(IssuedStore *s, const uint8_t serial[static AK_SERIAL_SIZE], Issued *ret, Bytes *record);
int issued_store_revocation(IssuedStore *s, const uint8_t serial[static AK_SERIAL_SIZE], Revocation *ret);
/* The newest one at *place or before, of one device (hash) or all (NULL); *place 0: the newest of all. *place becomes
 * where to go on, 0 at the end. -ENOENT: there is none; -EAGAIN: the one there is missing, because it
 * was dropped or by damage, and *place is the next. */
int issued_store_walk(IssuedStore *s, const uint8_t *hash, uint64_t *place, Issued *ret, Bytes *record);
/* 1: this certificate is there, 0: its serial is not, -EEXIST: another one has it. */
int issued_store_has(IssuedStore *s, const Issued *i);
int issued_store_log_get(IssuedStore *s, uint64_t number, LogBytes *ret);
/* The entry of a certificate that is not a device's. */
int issued_store_log_find(IssuedStore *s, const uint8_t signed_hash[static 32], uint64_t *ret_number);
/* What belongs on a list now: revoked, not expired. */
int issued_store_revoked(IssuedStore *s, int64_t now, Revocation **ret, size_t *ret_n);
int issued_store_crl_get(IssuedStore *s, Bytes *ret_pem);

/* Within a transaction. Domain answers: -ENOENT, -EEXIST; else cancel. */
/* One that is not there yet. *ret_head: that of its entry. */
int issued_store_add(IssuedStore *s, const Issued *i, LogHead *ret_head);
/* 1, or 0 when it was revoked already or has expired. */
int issued_store_revoke(IssuedStore *s, const uint8_t serial[static AK_SERIAL_SIZE], RevocationReason reason, int64_t now);
/* Looks at what a device holds that is valid at now, and revokes it, if so wanted. */
int issued_store_held(IssuedStore *s, const uint8_t hash[static 32], int64_t now, const RevocationReason *revoke,
                      IssuedHeld *ret);
/* An entry for what is signed and no AK certificate; number and previous are filled in. */
int issued_store_log(IssuedStore *s, const LogEntry *entry, LogHead *ret_head);
/* The next list: number as of issued_store_crl() + 1, else -EEXIST. Its entry is the caller's to make. */
int issued_store_crl_put(IssuedStore *s, const CrlState *state, ByteView pem);

/* Drops certificates that ended before that moment, their places with them; what was signed stays in the record. Looks
 * at ISSUED_DROP_LOOKS places from *place on (0: the first), drops ISSUED_DROPS at most; *place becomes the one to go
 * on at, 0 at the end. Kept are those whose entry does not say when they end, and of each device in the inventory the
 * last: what it could still be used for is told by it. Returns how many were dropped. */
#define ISSUED_DROP_LOOKS 128U
#define ISSUED_DROPS 32U
int issued_store_drop(IssuedStore *s, int64_t ended_before, uint64_t *place);
