/* SPDX-License-Identifier: MIT */
#pragma once

/* EK roots and intermediates from directories of PEM and DER files (any name; PEM may bundle). One file that
 * cannot be read or parsed is skipped and reported; the others count.
 *
 * Folders say what a certificate is (trust-record.h): STM/anchors/x.pem. */
#include "protocol/ek-certificate.h"
#include "protocol/ek-policy.h"
#include "protocol/trust-record.h"
#include "shared/names.h"

#define TRUST_STORE_FILE_MAX (4U * 1024 * 1024) /* bytes */
#define TRUST_STORE_FILES_MAX 4096U             /* in all directories */
#define TRUST_STORE_DEPTH_MAX 4U                /* directories below each other */

#define TRUST_STORE_LOCAL ATTEZT_SETTINGS_DIR "/ek-roots.d"
#define TRUST_STORE_VENDORS ATTEZT_DATADIR "/attezt/ek-roots"
#define TRUST_STORE_VIRTUAL ATTEZT_DATADIR "/attezt/ek-roots-virtual"
#define TRUST_STORE_MANAGED "ek-roots" /* below atteztd's public directory: what "attezt ca trust" keeps */

typedef struct TrustStoreCallbacks {
        /* Hears once of each file or directory that was skipped, with a negative errno: ek_trust_add()'s, -EFBIG,
         * -E2BIG (more than TRUST_STORE_FILES_MAX), -ELOOP (deeper than TRUST_STORE_DEPTH_MAX), … */
        void (*skipped)(const char *path, int error, void *userdata);
        /* Hears of each certificate that counts: new is false for one that is there already. */
        void (*loaded)(const char *path, const EkIssuer *issuer, bool new, void *userdata);
        /* … and of each that was taken out of trust. */
        void (*distrusted)(const char *path, ByteView der, void *userdata);
} TrustStoreCallbacks;

/* directories: NULL-terminated; one that is missing holds nothing. What begins with a dot is passed over,
 * links are followed, and in a bundle every certificate counts for itself. callbacks, and each of them, may be NULL.
 * policy: NULL allows nothing. Fails for want of memory only. */
int trust_store_load(const char *const *directories, const EkPolicy *policy, const TrustStoreCallbacks *callbacks,
                     void *userdata, EkTrust **ret);
/* The same into a store that has something already. */
int trust_store_load_into(EkTrust *trust, const char *const *directories, const EkPolicy *policy,
                          const TrustStoreCallbacks *callbacks, void *userdata);

/* The same little by little, for who has other things to do. Which files there are is looked up at once; policy and
 * userdata are kept until it is freed. */
typedef struct TrustLoader TrustLoader;
int trust_loader_new(const char *const *directories, const EkPolicy *policy, const TrustStoreCallbacks *callbacks,
                     void *userdata, TrustLoader **ret);
TrustLoader *trust_loader_free(TrustLoader *l);
DEFINE_TRIVIAL_CLEANUP_FUNC(TrustLoader *, trust_loader_free)
/* At most max files more, always into the same store. 1: there may be more; 0: that was all. -ENOMEM */
int trust_loader_read(TrustLoader *l, EkTrust *trust, size_t max);

/* Calls func for each certificate (DER) in what a file of PEM or DER has. Returns the first error, func's -ENOMEM at
 * once; -EINVAL for what is no certificate's encoding. */
int trust_store_each(ByteView content, int (*func)(ByteView der, void *userdata), void *userdata);
