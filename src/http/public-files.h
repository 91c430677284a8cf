/* SPDX-License-Identifier: MIT */
#pragma once

/* What the front reads from disk: root certificate and revocation list, which it hands out, and whom it believes about
 * EKs. */
#include "protocol/ek-policy.h"

#define ROOT_PEM_MAX (64U * 1024)        /* bytes */
#define CRL_PEM_MAX (16U * 1024 * 1024)  /* bytes */

typedef struct PublicFiles {
        const char *public_dir;
        const char *const *ek_roots; /* directories, NULL-terminated */
        const EkPolicy *policy;
        Bytes root_pem, crl_pem;     /* empty: there is no CA yet */
        EkTrust *trust;
} PublicFiles;

void public_files_done(PublicFiles *p);
/* Reads all again. What cannot be read is logged and stays as it was; -ENOMEM only when there is no trust store
 * at all. */
int public_files_load(PublicFiles *p);
