/* SPDX-License-Identifier: MIT */
#pragma once

/* TLS roots for one job in one file without a name: curl's GnuTLS flavour of Debian 12 takes a path, not memory. */
#include "shared/bytes.h"

#define CA_ROOTS_FILES_MAX 256U
#define CA_ROOTS_FILE_MAX (4U * 1024 * 1024) /* bytes */

/* Hears of a file that is left out: -EBADMSG, it holds no certificates in PEM form; else why it cannot be read. */
typedef void (*CaRootsSkipped)(const char *where, int error, void *userdata);

/* The roots of the system, those in ca_dir (*.pem; NULL, or a directory that is not there: none) and pem. skipped may
 * be NULL. ret_fd: a memfd that holds PEM. */
int ca_roots_open(const char *ca_dir, ByteView pem, CaRootsSkipped skipped, void *userdata, int *ret_fd);
