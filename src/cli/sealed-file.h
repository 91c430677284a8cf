/* SPDX-License-Identifier: MIT */
#pragma once

/* A file encrypted with a passphrase: CMS (RFC 5083, AuthEnvelopedData, AES-256-GCM; RFC 3211, PBKDF2), by libcrypto, so
 * that "openssl cms -decrypt -pwri_password" opens it without us. */
#include "shared/bytes.h"

/* All of from, encrypted, to a descriptor. */
int sealed_file_write(int from, int to, const char *passphrase);
/* All of it, decrypted: what was written to to counts only on success. -EKEYREJECTED: another passphrase, or the file
 * was changed; -EBADMSG: it is no such file. */
int sealed_file_read(int from, int to, const char *passphrase);
