/* SPDX-License-Identifier: MIT */
#pragma once

/* The CA on disk and its signatures. A directory with root.pem, intermediate.pem and intermediate.key;
 * root.key beside them is needed for another intermediate only, and may (should) be taken away. Intermediates of before,
 * retired-SERIAL.pem and .key, sign revocation lists for what they have signed.
 *
 * A secret, if there is one, encrypts the keys: plain ones that are there are encrypted when they are loaded. */
#include "protocol/ak-certificate.h"
#include "shared/crl.h"

#define CA_NAME_MAX 40U /* characters */
#define CA_LIFETIME (10LL * 365 * 86400) /* seconds */
#define CA_RETIRED_MAX 8U /* intermediates that have not ended yet */

typedef struct CertificateAuthority CertificateAuthority;

typedef struct CertificateAuthorityTerms {
        const char *name;   /* 1–40 characters of a PrintableString */
        const char *secret; /* NULL: keys are plain */
        int64_t now;        /* seconds since the epoch */
} CertificateAuthorityTerms;

/* Makes a P-256 root ("<name> Root CA", pathLen 1, 10 years) and intermediate ("<name> Intermediate CA",
 * pathLen 0) in dir, which appears whole or not at all (directory 0700, keys 0600; fsync, rename).
 * -EINVAL: a bad name. -EEXIST when dir is there: a CA is never overwritten. */
int certificate_authority_create(const char *dir, const CertificateAuthorityTerms *terms);

/* Loads intermediates and their keys, and the root's certificate. -ENOENT: there is none. -EBADMSG: files do not belong
 * together or do not parse. -ENOKEY: keys are encrypted, and there is no secret; -EKEYREJECTED: it is another one. */
int certificate_authority_load(const char *dir, const char *secret, CertificateAuthority **ret);
CertificateAuthority *certificate_authority_free(CertificateAuthority *ca);
DEFINE_TRIVIAL_CLEANUP_FUNC(CertificateAuthority *, certificate_authority_free);

ByteView certificate_authority_intermediate(const CertificateAuthority *ca); /* DER */
ByteView certificate_authority_root(const CertificateAuthority *ca);         /* DER */
const char *certificate_authority_root_pem(const CertificateAuthority *ca);
/* SHA-256 of the root's DER, lower-case hex: as step prints fingerprints. */
const char *certificate_authority_fingerprint(const CertificateAuthority *ca);
int64_t certificate_authority_not_after(const CertificateAuthority *ca); /* of whichever ends first */
int64_t certificate_authority_root_not_after(const CertificateAuthority *ca);

/* The root's key, as it is on disk (ret: PEM, plain). -ENOENT: it was taken away. */
int certificate_authority_root_key(const char *dir, const char *secret, Bytes *ret);
int certificate_authority_remove_root_key(const char *dir); /* -ENOENT */
/* Makes another intermediate, signed with root_key (PEM, plain; empty: the one on disk), and retires the one there is.
 * To be loaded afterwards. -ENOENT: no root key is here; -EKEYREJECTED: it is not the root's; -ESTALE: the root has
 * ended. */
int certificate_authority_rotate(const char *dir, const CertificateAuthorityTerms *terms, ByteView root_key);

/* Every file of the CA, keys plain. */
typedef struct CertificateAuthorityVisitor {
        int (*visit)(const char *name, ByteView content, void *userdata);
        void *userdata;
} CertificateAuthorityVisitor;
int certificate_authority_visit(const char *dir, const char *secret, const CertificateAuthorityVisitor *v);

/* Builds and signs an AK certificate: v3, empty subject, keyUsage digitalSignature (critical),
 * basicConstraints CA:FALSE (critical), EKU 2.23.133.8.3, AKI, SKI, SAN (critical). ret: DER. -EINVAL: what
 * ak_certificate_san() refuses, a serial that is not made by ak_certificate_serial(), an end after the
 * issuer's. */
int certificate_authority_sign_ak(CertificateAuthority *ca, const AkCertificate *c, Bytes *ret);

/* The revocation lists, PEM, of the intermediate and of those before it, and the SHA-256 of their DER, one after the
 * other. */
int certificate_authority_sign_crl(CertificateAuthority *ca, const CrlTerms *terms, const Revocation *list, size_t n,
                                   Bytes *ret_pem, uint8_t ret_hash[static 32]);
