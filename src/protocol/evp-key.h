/* SPDX-License-Identifier: MIT */
#pragma once

/* PublicKey as libcrypto wants it. */
#include <openssl/evp.h>

#include "protocol/public-key.h"

DEFINE_TRIVIAL_CLEANUP_FUNC(EVP_PKEY *, EVP_PKEY_free);
DEFINE_TRIVIAL_CLEANUP_FUNC(EVP_PKEY_CTX *, EVP_PKEY_CTX_free);

/* -EINVAL a key that is not valid, -EIO when libcrypto fails. */
int evp_key_from_public(const PublicKey *k, EVP_PKEY **ret);
