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
 * Of older generations the last ENROLLMENT_OLDER_MAX are kept: programs that run may still use their keys. */
#include <time.h>

#include "shared/enrollment-settings.h"

/* -ENOENT: not enrolled. -EBADMSG: something there cannot be read. */
int enrollment_load(const char *dir, Enrollment *ret);
/* Tells one enrolment on disk from the next, without opening a file. -ENOENT: not enrolled. -EBADMSG. */
typedef struct EnrollmentVersion {
        uint64_t generation;
        uint64_t inode;        /* of its directory, */
        struct timespec time;  /* and when that was last changed: numbers begin anew after an unenrolment */
} EnrollmentVersion;

int enrollment_version(const char *dir, EnrollmentVersion *ret);
/* device.tss of one generation, the current one or the one before. -ENOENT: there is none. */
int enrollment_read_key(const char *dir, uint64_t generation, Bytes *ret);
/* Writes the next generation and switches to it; durable when it returns. e->generation is ignored. */
int enrollment_store(const char *dir, const Enrollment *e);
/* Removes certificates, keys and settings (accounts and AK too with everything). */
int enrollment_remove(const char *dir, bool everything);

#define ENROLLMENT_OLDER_MAX 7U

/* The chains of those, newest first. */
typedef struct EnrollmentOlder {
        size_t n;
        uint64_t generations[ENROLLMENT_OLDER_MAX];
        Bytes chains_pem[ENROLLMENT_OLDER_MAX];
} EnrollmentOlder;

void enrollment_older_done(EnrollmentOlder *o);

/* What cannot be read is left out. */
int enrollment_load_older(const char *dir, uint64_t current, EnrollmentOlder *ret);
