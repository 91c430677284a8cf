/* SPDX-License-Identifier: MIT */
#pragma once

/* An enrolment on disk. Layout of the state directory (/var/lib/attezt):
 *
 *   current -> generations/N      switched by one rename: key, chain and settings change as one
 *   generations/N/device.crt      PEM, leaf first, world-readable
 *   generations/N/device.tss      TSS2 PRIVATE KEY, 0640 group tss
 *   generations/N/enrollment.json servers, name, EK hash, key kind, lifetime; 0640
 *   generations/N/ak.crt          PEM chain of the AK
 *   generations/N/ca.pem          roots that came with the job; may be missing
 *   device.crt, device.tss        symbolic links through current
 *   ak.tss                        the AK's blob, kept over generations; 0600
 *   accounts/HASH.json            ACME account key (PEM) and URL per directory URL; 0600
 *
 * Older generations are removed when the next is stored, but for the one before. */
#include "protocol/helper-wire.h"

typedef struct Enrollment {
        uint64_t generation;
        char *acme_url, *attestation_url, *name;
        uint8_t ek_hash[32];
        JobKey key;
        JobEk ek;
        int64_t lifetime;      /* seconds, 0: the server's default */
        Bytes chain_pem;       /* device.crt */
        Bytes ak_chain_pem;
        Bytes ca_pem;          /* may be empty */
        Bytes key_pem;         /* device.tss; not read by enrollment_load() unless readable */
} Enrollment;

void enrollment_done(Enrollment *e);

/* -ENOENT: not enrolled. -EBADMSG: something there cannot be read. */
int enrollment_load(const char *dir, Enrollment *ret);
/* Writes the next generation and switches to it; durable when it returns. e->generation is ignored. */
int enrollment_store(const char *dir, const Enrollment *e);
/* Removes certificates, keys and settings (accounts and AK too with everything). */
int enrollment_remove(const char *dir, bool everything);
