/* SPDX-License-Identifier: MIT */
#pragma once

/* The key derivation functions of TPM 2.0 Part 1, section 11.4.10: KDFa is SP 800-108 counter mode with HMAC,
 * KDFe the one-step derivation of SP 800-56C. Labels come without their NUL, which both put behind them. */
#include "shared/bytes.h"

#define TPM_KDF_PARTY_MAX 66U /* bytes: a coordinate on P-521 */
#define TPM_KDF_KEY_MAX 48U   /* bytes of output */

typedef struct TpmKey {
        uint8_t data[TPM_KDF_KEY_MAX];
        size_t size;
} TpmKey;

void tpm_key_erase(TpmKey *k);
#define _cleanup_tpm_key_ _cleanup_(tpm_key_erase)

static inline ByteView tpm_key_view(const TpmKey *k) {
        return VIEW(k->data, k->size);
}

/* hash: as libcrypto calls it, "SHA256" or "SHA384". size: bytes wanted. context: contextU and contextV, one
 * behind the other. -EINVAL beyond the limits, -EIO when libcrypto fails. */
int tpm_kdfa(const char *hash, ByteView key, const char *label, ByteView context, size_t size, TpmKey *ret);

typedef struct TpmExchange {
        ByteView z;                /* the shared x coordinate, padded as the two below */
        ByteView party_u, party_v; /* x of the ephemeral and of the static key */
} TpmExchange;

int tpm_kdfe(const char *hash, const TpmExchange *exchange, const char *label, size_t size, TpmKey *ret);
