/* SPDX-License-Identifier: MIT */
#pragma once

/* An enrolment as a value, and enrollment.json: what it was made with. */
#include "protocol/helper-wire.h"

#define ENROLLMENT_SETTINGS_MAX (16U * 1024) /* bytes of the file */

typedef struct Enrollment {
        uint64_t generation;
        char *acme_url, *attestation_url, *name;
        uint8_t ek_hash[32];
        JobKey key;
        JobEk ek;
        int64_t key_created;   /* seconds since the epoch; 0: not known */
        int64_t lifetime;      /* seconds, 0: the server's default */
        Bytes chain_pem;       /* device.crt */
        Bytes ak_chain_pem;
        Bytes ca_pem;          /* may be empty */
        Bytes key_pem;         /* device.tss; not read by enrollment_load() unless readable */
} Enrollment;

void enrollment_done(Enrollment *e);

int enrollment_settings_format(const Enrollment *e, Bytes *ret);
/* Fills servers, name, EK hash, key kinds, the key's date and lifetime of an empty e; unknown members are for later
 * versions. -EBADMSG; what was filled until then is the caller's to free. */
int enrollment_settings_parse(ByteView text, Enrollment *e);
