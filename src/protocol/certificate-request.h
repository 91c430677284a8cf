/* SPDX-License-Identifier: MIT */
#pragma once

/* PKCS#10 (RFC 2986) for a key that lives elsewhere: in the TPM. */
#include "protocol/public-key.h"

#define CERTIFICATE_REQUEST_CN_MAX 64U /* ub-common-name, RFC 5280 */

typedef enum DigestAlgorithm {
        DIGEST_SHA256 = 1, /* RSA (RSASSA-PKCS1-v1_5), P-256 */
        DIGEST_SHA384 = 2, /* P-384 */
} DigestAlgorithm;

/* Signs a digest: the RSA signature of the modulus' size, or r || s, each as wide as the curve. */
typedef int (*CertificateRequestSign)(DigestAlgorithm algorithm, ByteView digest, void *userdata,
                                      Bytes *ret_signature);

/* cn: NULL or "" leaves the subject empty. permanent_identifier: also puts cn into a permanentIdentifier
 * SAN, which some servers want and step-ca ignores. Errors of sign are passed on; -EIO: GnuTLS failed. */
int certificate_request_build(const PublicKey *key, const char *cn, bool permanent_identifier,
                              CertificateRequestSign sign, void *userdata, Bytes *ret_der);
