/* SPDX-License-Identifier: MIT */
#pragma once

/* What was told of, and when: files in a directory where nobody but root writes.
 *
 *   device.crt   the certificate that is told of, for the programs; written before them, its time is when that began
 *   handled      the same certificate, when all of them are through
 *   failed       who of them failed (TOLD_FILE); is not there if nobody did
 *
 * Bytes are compared, not numbers, inodes or times: user attezt-tpm can change those of the enrolment at will, and a
 * change for nothing is not worth a reload. */
#include "protocol/told-record.h"

#define MEMORY_COPY "device.crt"
#define MEMORY_INTERVAL_SEC 10 /* from the beginning of one telling to that of the next, at least */

/* -errno, and the copy there is the one before. */
int memory_begin(const char *dir, ByteView pem);
/* Nothing failed: removes the file. Before memory_end(). */
int memory_write_told(const char *dir, const Told *t);
/* -ENOENT: nothing failed. -EBADMSG. */
int memory_read_told(const char *dir, Told *ret);
int memory_end(const char *dir, ByteView pem);

/* Whether this certificate was the last that was told of, to the end. */
bool memory_is_handled(const char *dir, ByteView pem);

/* How long to wait for the next turn, after that of which the file is (MEMORY_COPY, TOLD_FILE); never longer than the
 * interval, whatever was done to the clock meanwhile. now_usec: since the epoch. */
int64_t memory_wait_usec(const char *dir, const char *file, int64_t interval_sec, int64_t now_usec);
