/* SPDX-License-Identifier: MIT */
#pragma once

/* ACME accounts on disk: accounts/HASH.json in the state directory, HASH being the SHA-256 of the directory's
 * URL. The key is written before the server hears of it: an account is never lost, registering again with the
 * same key finds it (RFC 8555 §7.3.1). */
#include <gnutls/abstract.h>

#include "shared/bytes.h"

#define ACCOUNT_FILE_MAX (16U * 1024) /* bytes */
#define ACCOUNT_URL_MAX 1024U

typedef struct Account {
        gnutls_privkey_t key; /* P-256 */
        Bytes pem;            /* the same */
        char *url;            /* NULL: not registered yet */
} Account;

void account_done(Account *a);
#define _cleanup_account_ _cleanup_(account_done)

int account_generate(Account *ret);
/* -ENOENT: none. -EBADMSG. */
int account_load(const char *state_dir, const char *directory_url, Account *ret);
int account_store(const char *state_dir, const char *directory_url, const Account *a);
