/* SPDX-License-Identifier: MIT */
#pragma once

/* TLS roots for one job in one file without a name: curl's GnuTLS flavour of Debian 12 takes a path, not memory. */
#include "shared/bytes.h"

#define CA_ROOTS_FILES_MAX 256U
#define CA_ROOTS_FILE_MAX (4U * 1024 * 1024) /* bytes */

/* ret_fd: a memfd that holds PEM. Files that hold no certificate are left out, with a warning. */
int ca_roots_open(const char *ca_dir, ByteView pem, int *ret_fd);
