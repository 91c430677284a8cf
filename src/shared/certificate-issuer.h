/* SPDX-License-Identifier: MIT */
#pragma once

/* A certificate of the CA and the key that signs with it, from two files of its directory. */
#include "protocol/gnutls-types.h"

#define ISSUER_KEY_ID_SIZE_MAX 64U

typedef struct Issuer {
        gnutls_x509_crt_t crt;
        gnutls_privkey_t key;
        Bytes der;
        uint8_t key_id[ISSUER_KEY_ID_SIZE_MAX];
        size_t key_id_size;
        int64_t not_after;
} Issuer;

void issuer_done(Issuer *i);

/* A missing file in a directory that is there is damage, not the absence of a CA: -EBADMSG. */
int issuer_read_certificate(int dir_fd, const char *name, gnutls_x509_crt_t *ret, Bytes *ret_der);
/* secret: as of sealed_key_read(); a plain key is encrypted with it, on disk. -EBADMSG also: it is another
 * certificate's. */
int issuer_read_key(int dir_fd, const char *name, const char *secret, gnutls_x509_crt_t crt,
                    gnutls_x509_privkey_t *ret);
int issuer_load(int dir_fd, const char *certificate, const char *key, const char *secret, Issuer *ret);
