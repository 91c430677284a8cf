/* SPDX-License-Identifier: MIT */
#pragma once

/* What the inventory knows of a device, and of a certificate issued to it; and how both are kept: a version, the
 * fields, and a checksum over key and fields, so that damage is seen wherever the store does not. Records of
 * earlier versions are read; what is written is of the present one. */
#include "protocol/ak-certificate.h"

#define DEVICE_NOTE_MAX 1024U          /* bytes of UTF-8 */
#define ISSUED_CERTIFICATE_MAX 2048U   /* DER bytes */
#define OPERATION_SIZE 16U             /* random bytes that name a change: repeating it is answered as the first time */

#define DEVICE_END_OF_TIME 253402300799LL /* the last second of the year 9999 */

#define DEVICE_RECORD_MAX 4096U
#define ISSUED_RECORD_MAX 2432U

typedef struct Device {
        uint8_t ek_hash[32];
        unsigned n_names;
        char names[DEVICE_NAMES_MAX][DEVICE_NAME_MAX + 1]; /* as written; none: the EK hash is the name */
        bool any_name;          /* AK certificates carry no name: any may be ordered */
        bool pinned;            /* no trusted EK certificate needed */
        bool disabled;
        bool denied;            /* by a person, when it asked; disabled, too */
        bool untrusted;         /* denied, and its EK certificate was from no trusted issuer, or there was none */
        int64_t ak_lifetime;    /* seconds, 0: the server's default */
        char note[DEVICE_NOTE_MAX + 1];
        int64_t created, last_issued; /* seconds since the epoch, 0: never */
        int64_t last_seen;      /* when it last proved its EK, whatever came of it; 0: never */
        int64_t expires;        /* from then on it gets nothing; 0: never */
        uint64_t issued;        /* how many AK certificates so far */
        uint64_t version;       /* opaque; another after each change of what an operator set */
        uint64_t sequence;      /* place in the listing; the inventory's */
        uint8_t operation[OPERATION_SIZE]; /* that made it what it is */
} Device;

/* One AK certificate, recorded before it is given out. */
typedef struct Issued {
        uint8_t serial[AK_SERIAL_SIZE];
        uint8_t ek_hash[32];
        int64_t issued, not_after; /* seconds since the epoch */
        ByteView certificate;      /* DER; borrowed */
        uint64_t place, previous;  /* in the listing, of it and of the one before it of the same device; the store's; 0: none */
        bool end_recorded;         /* decoded: its entry in the record of what was signed says when it ends */
} Issued;

/* -EINVAL: a name that device_name_valid() refuses or that is there twice, names beside any_name, a note that
 * is not UTF-8 or too long, a negative or too long lifetime, a negative end. */
int device_check(const Device *d);
/* Its time has ended. */
static inline bool device_expired(const Device *d, int64_t now) {
        return d->expires > 0 && now >= d->expires;
}

/* Returns the size; -E2BIG. key: of the record in its store. */
int device_record_encode(ByteView key, const Device *d, uint8_t ret[static DEVICE_RECORD_MAX]);
/* -EBADMSG: damaged. */
int device_record_decode(ByteView key, ByteView record, Device *ret);

/* For the small records that the inventory makes of plain bytes: appends the checksum, or takes it off. */
int record_seal(ByteView key, ByteWriter *w);              /* -E2BIG */
/* Padded, so that what a record takes in a TDB file is a multiple of RECORD_UNIT: with the head, the tail and the key.
 * What was freed there then serves others without scraps; over those TDB would step for each record, one by one. */
#define RECORD_UNIT 96U
#define RECORD_OVERHEAD 28U
#define RECORD_SEAL_MAX (RECORD_UNIT + 8U) /* bytes that a seal adds, at most */
int record_unseal(ByteView key, ByteView record, ByteView *ret); /* -EBADMSG */
