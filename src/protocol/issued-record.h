/* SPDX-License-Identifier: MIT */
#pragma once

/* What is kept of a certificate that was issued, and of its revocation: a version, the fields, and a checksum over key
 * and fields. */
#include "protocol/device-record.h"

#define ISSUER_ID_SIZE 20U     /* of a key identifier, cut or filled up with zeros */

/* RFC 5280, section 5.3.1: those that make sense here. */
typedef enum RevocationReason {
        REVOKED_UNSPECIFIED = 0,
        REVOKED_KEY_COMPROMISE = 1,
        REVOKED_AFFILIATION_CHANGED = 3,
        REVOKED_SUPERSEDED = 4,
        REVOKED_CESSATION_OF_OPERATION = 5,
        REVOKED_PRIVILEGE_WITHDRAWN = 9,
        _REVOKED_REASON_MAX,
} RevocationReason;

/* "key-compromise"; NULL for numbers that are none of these. */
const char *revocation_reason_to_string(RevocationReason r);
int revocation_reason_from_string(const char *text, RevocationReason *ret); /* -EINVAL */

typedef struct Revocation {
        uint8_t serial[AK_SERIAL_SIZE];
        uint8_t issuer[ISSUER_ID_SIZE]; /* whose list it belongs on */
        RevocationReason reason;
        int64_t revoked, not_after;     /* seconds since the epoch */
} Revocation;

#define REVOCATION_RECORD_MAX 256U

/* As device_record_encode() and …decode(). The certificate of an Issued points into record. Records of version 1 have
 * neither place nor previous: 0; before version 3 the entry in the record of what was signed did not say the end. */
int issued_record_encode(ByteView key, const Issued *i, uint8_t ret[static ISSUED_RECORD_MAX]);
int issued_record_decode(ByteView key, ByteView record, Issued *ret);
int revocation_record_encode(ByteView key, const Revocation *v, uint8_t ret[static REVOCATION_RECORD_MAX]);
int revocation_record_decode(ByteView key, ByteView record, Revocation *ret);
