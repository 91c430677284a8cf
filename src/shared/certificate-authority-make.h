/* SPDX-License-Identifier: MIT */
#pragma once

/* A certificate of the CA itself, and its key: made, and written to the CA's directory. */
#include "protocol/gnutls-types.h"
#include "shared/certificate-authority.h"

#define CA_COMMON_NAME_MAX 64U /* characters: ub-common-name, RFC 5280 appendix A */

typedef struct Authority {
        gnutls_x509_crt_t crt;
        gnutls_x509_privkey_t key;
        char common_name[CA_COMMON_NAME_MAX + 1];
        int64_t not_after;
} Authority;

void authority_done(Authority *a);
/* common_name and not_after are the caller's; issuer: NULL for a root (path length 1; else 0). */
int authority_make(Authority *a, Authority *issuer, int64_t now);
/* New files, not durable before an fsync of dir_fd. secret: as of sealed_key_write(). */
int authority_write(int dir_fd, const Authority *a, const char *certificate, const char *key, const char *secret);
