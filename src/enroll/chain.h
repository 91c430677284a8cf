/* SPDX-License-Identifier: MIT */
#pragma once

/* Certificate chains as servers hand them out, leaf first, and what a job wants to know of a certificate. */
#include "protocol/ek-certificate.h"

#define CHAIN_CERTIFICATES_MAX 8U
#define CHAIN_CERTIFICATE_MAX (16U * 1024) /* bytes of DER */
#define CERTIFICATE_NAMES_MAX 32U
#define CERTIFICATE_NAME_MAX 256U          /* bytes, with NUL */
#define CERTIFICATE_TEXT_MAX 256U          /* of a distinguished name, with NUL */

typedef struct Chain {
        Bytes der[CHAIN_CERTIFICATES_MAX];
        size_t n;
} Chain;

void chain_done(Chain *c);
#define _cleanup_chain_ _cleanup_(chain_done)

/* -EBADMSG: no certificate, too many, or one that does not parse. */
int chain_from_pem(ByteView pem, Chain *ret);
int chain_from_der(const Bytes *der, size_t n, Chain *ret);
int chain_to_pem(const Chain *c, Bytes *ret);

int certificate_key(ByteView der, PublicKey *ret);
int certificate_issuer(ByteView der, char ret[static CERTIFICATE_TEXT_MAX]);

/* The permanentIdentifiers (RFC 4043) of the subjectAltName; those that are no text without NUL are left out. */
typedef struct CertificateNames {
        char names[CERTIFICATE_NAMES_MAX][CERTIFICATE_NAME_MAX];
        size_t n;
} CertificateNames;

int certificate_names(ByteView der, CertificateNames *ret);
/* As permanentIdentifier, or as the subject's common name. */
int certificate_has_name(ByteView der, const char *name, bool *ret);
