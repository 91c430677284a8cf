/* SPDX-License-Identifier: MIT */
#pragma once

/* Private keys at rest: PKCS#8 in PEM, plain or encrypted (PBES2: scrypt, AES-256-CBC) by libcrypto, so that openssl(1)
 * reads them, too. */
#include "protocol/gnutls-types.h"

#define SEALED_KEY_FILE_MAX (64U * 1024)

/* How long guessing takes: a secret that a program drew wants none of it. */
typedef enum SealedBy {
        SEALED_BY_SECRET,
        SEALED_BY_PASSPHRASE,
} SealedBy;

/* secret: NULL for a plain key. */
int sealed_key_write(gnutls_x509_privkey_t key, const char *secret, SealedBy by, Bytes *ret_pem);
/* secret: NULL when there is none. *ret_sealed: whether it was encrypted. -ENOKEY: it is, and there is no secret;
 * -EKEYREJECTED: the secret is another one; -EBADMSG: this is no key. */
int sealed_key_read(ByteView pem, const char *secret, gnutls_x509_privkey_t *ret, bool *ret_sealed);
/* Is it the key of this certificate? */
bool sealed_key_fits(gnutls_x509_privkey_t key, gnutls_x509_crt_t certificate);
