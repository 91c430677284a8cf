/* SPDX-License-Identifier: MIT */
#pragma once

/* What the files of the issued store share. */
#include "protocol/signing-log.h"
#include "shared/sealed-records.h"

typedef struct CrlState {
        uint64_t number;       /* 0: none yet */
        uint64_t covers;       /* revocations that there were */
        int64_t next_update;   /* seconds since the epoch */
} CrlState;

typedef struct IssuedCounts {
        uint64_t places;         /* so many certificates came into the listing */
        LogHead head;
        uint64_t revocations;
        uint64_t first_live;     /* no revocation before it is of a certificate that is valid still */
        CrlState crl;
        uint64_t dropped;        /* so many of them are gone */
        int64_t dropped_until;   /* those that ended before */
        uint64_t first;          /* no certificate has a place before it; 0: not known */
} IssuedCounts;

typedef struct IssuedStore {
        RecordStore *records;
        IssuedCounts counts, committed;
} IssuedStore;

typedef struct IssuedKey {
        uint8_t bytes[1 + AK_SERIAL_SIZE];
} IssuedKey;
IssuedKey issued_key(const uint8_t serial[static AK_SERIAL_SIZE]);

/* What a place of the listing holds: a certificate, or, when it was dropped and an older one of its device is there
 * still, the place to go on at. */
typedef struct IssuedPlace {
        uint8_t serial[AK_SERIAL_SIZE];
        uint64_t go_on; /* 0: it is a certificate */
} IssuedPlace;
int issued_place(IssuedStore *s, uint64_t place, IssuedPlace *ret);          /* -ENOENT, -EUCLEAN */
int issued_last(IssuedStore *s, const uint8_t *hash, uint64_t *ret);         /* a device's last place; -ENOENT */
