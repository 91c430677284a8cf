/* SPDX-License-Identifier: MIT */
#pragma once

/* EK roots and intermediates from directories of PEM and DER files (any name; PEM may bundle). One file that
 * cannot be read or parsed is skipped and reported; the others count. */
#include "protocol/ek-certificate.h"

#define TRUST_STORE_FILE_MAX (4U * 1024 * 1024) /* bytes */
#define TRUST_STORE_FILES_MAX 4096U             /* in all directories */
#define TRUST_STORE_DEPTH_MAX 4U                /* directories below each other */

typedef void (*TrustStoreSkipped)(const char *path, int error, void *userdata);

/* directories: NULL-terminated; one that is missing holds nothing. What begins with a dot is passed over,
 * links are followed, and in a bundle every certificate counts for itself. skipped may be NULL; it hears
 * once of each file or directory, with a negative errno: ek_trust_add()'s, -EFBIG, -E2BIG (more than
 * TRUST_STORE_FILES_MAX), -ELOOP (deeper than TRUST_STORE_DEPTH_MAX), … Fails for want of memory only. */
int trust_store_load(const char *const *directories, TrustStoreSkipped skipped, void *userdata,
                     EkTrust **ret);
