/* SPDX-License-Identifier: MIT */
#pragma once

/* An archive of protocol/backup-archive, written to and read from a descriptor. */
#include "protocol/backup-archive.h"

int backup_write_bytes(int fd, ByteView v);                           /* anything: all of it */
int backup_write_begin(int fd);
int backup_write_header(int fd, const char *name, uint64_t size);     /* its bytes follow */
int backup_write_file(int fd, const char *name, ByteView content);
int backup_write_end(int fd);

/* Each file in turn: visit finds the archive's descriptor at the first byte of its content, and reads what it wants of it.
 * -EBADMSG: this is no archive, or not all of one. */
typedef int (*BackupVisit)(int fd, const BackupHeader *h, void *userdata);
int backup_read(int fd, BackupVisit visit, void *userdata);
/* For visit: size bytes of fd to another descriptor. -EBADMSG: there are fewer. */
int backup_copy(int from, int to, uint64_t size);
