/* SPDX-License-Identifier: MIT */
#pragma once

/* An X.509 certificate (RFC 5280) of a TPM or of its vendor: where its parts lie, and what it says. Parts
 * are views into its DER: names are compared as they are, and GnuTLS does not take the key of an old EK
 * certificate (rsaesOaep). The rest is GnuTLS's to read. */
#include <gnutls/x509.h>
#include <openssl/evp.h>

#include "protocol/der.h"

typedef struct CertificateParts {
        ByteView der;
        ByteView tbs;       /* what is signed */
        ByteView issuer;    /* Name, encoded */
        ByteView subject;   /* Name, encoded */
        ByteView spki;      /* SubjectPublicKeyInfo, encoded */
        ByteView signature; /* without its count of unused bits */
} CertificateParts;

/* The outer structure only: cheap, and enough for a certificate that turns out to be for another key.
 * Consumes everything. -EINVAL */
int certificate_parts(ByteView der, CertificateParts *ret);

typedef struct Certificate {
        CertificateParts parts;
        gnutls_x509_crt_t gnutls;      /* for what is not listed here */
        int64_t not_before, not_after; /* seconds since the epoch */
        int algorithm;                 /* of its signature: gnutls_sign_algorithm_t */
        bool ca;
        int path_length;               /* -1: no limit, or no CA */
        unsigned usage;                /* GNUTLS_KEY_…, all of them without the extension */
        bool purposes;                 /* there is an extKeyUsage; it contains: */
        bool purpose_ek, purpose_aik, purpose_any;
        bool unknown_critical;         /* an extension that nobody here looks at */
} Certificate;

/* parts.der must outlive it. -EINVAL */
int certificate_read(const CertificateParts *parts, Certificate *ret);
void certificate_done(Certificate *c);
#define _cleanup_certificate_ _cleanup_(certificate_done)

bool certificate_self_issued(const Certificate *c);

bool certificate_sha1(const Certificate *c); /* its signature is over SHA-1 */

/* Has issuer's key signed it? With RSA (PKCS #1 v1.5) or ECDSA and SHA-2; sha1 takes SHA-1 too, for whoever asks
 * certificate_sha1() beside it. -EKEYREJECTED when not, -ENOTSUP another algorithm. -ENOMEM is no answer. */
int certificate_signed_by(const Certificate *c, EVP_PKEY *issuer, bool sha1);

/* RFC 4514, printable ASCII (other bytes as \XX, which RFC 4514 has), cut. "" for an empty name. */
void certificate_name_text(ByteView encoded, char *ret, size_t size);
void certificate_issuer_text(const CertificateParts *parts, char *ret, size_t size);
