/* SPDX-License-Identifier: MIT */
#pragma once

/* The CA on disk and its signatures. A directory with root.pem, intermediate.pem and intermediate.key;
 * root.key beside them is written once, never read again, and may (should) be taken away. */
#include "protocol/ak-certificate.h"
#include "shared/crl.h"

#define CA_NAME_MAX 40U /* characters */

typedef struct CertificateAuthority CertificateAuthority;

/* Makes a P-256 root ("<name> Root CA", pathLen 1, 10 years) and intermediate ("<name> Intermediate CA",
 * pathLen 0) in dir, which appears whole or not at all (directory 0700, keys 0600; fsync, rename).
 * name: 1–40 characters of a PrintableString, else -EINVAL. now: seconds since the epoch. -EEXIST when dir
 * is there: a CA is never overwritten. */
int certificate_authority_create(const char *dir, const char *name, int64_t now);

/* Loads the intermediate and its key, and the root. -ENOENT: there is none. -EBADMSG: files do not belong
 * together or do not parse. */
int certificate_authority_load(const char *dir, CertificateAuthority **ret);
CertificateAuthority *certificate_authority_free(CertificateAuthority *ca);
DEFINE_TRIVIAL_CLEANUP_FUNC(CertificateAuthority *, certificate_authority_free);

ByteView certificate_authority_intermediate(const CertificateAuthority *ca); /* DER */
ByteView certificate_authority_root(const CertificateAuthority *ca);         /* DER */
const char *certificate_authority_root_pem(const CertificateAuthority *ca);
/* SHA-256 of the root's DER, lower-case hex: as step prints fingerprints. */
const char *certificate_authority_fingerprint(const CertificateAuthority *ca);
int64_t certificate_authority_not_after(const CertificateAuthority *ca); /* of whichever ends first */

/* Builds and signs an AK certificate: v3, empty subject, keyUsage digitalSignature (critical),
 * basicConstraints CA:FALSE (critical), EKU 2.23.133.8.3, AKI, SKI, SAN (critical). ret: DER. -EINVAL: what
 * ak_certificate_san() refuses, a serial that is not made by ak_certificate_serial(), an end after the
 * issuer's. */
int certificate_authority_sign_ak(CertificateAuthority *ca, const AkCertificate *c, Bytes *ret);

/* The revocation list, PEM, and the SHA-256 of its DER. */
int certificate_authority_sign_crl(CertificateAuthority *ca, const CrlTerms *terms, const Revocation *list, size_t n,
                                   Bytes *ret_pem, uint8_t ret_hash[static 32]);
