/* SPDX-License-Identifier: MIT */
#pragma once

/* A certificate as PKCS#11 shows it: its parts, and what objects say about it and its key. Nothing is verified. */
#include "protocol/certificate.h"
#include "protocol/public-key.h"

#define PKCS11_ID_MAX 64U     /* bytes of a CKA_ID; a longer key identifier is not taken */
#define PKCS11_DATE_SIZE 8U   /* YYYYMMDD */
#define PKCS11_CERTIFICATE_MAX (16U * 1024) /* bytes of DER */

typedef struct Pkcs11Certificate {
        Bytes der;
        CertificateParts parts; /* of der */
        ByteView serial;        /* INTEGER, encoded; of der */
        PublicKey key;          /* KEY_TYPE_INVALID: of a kind that the token does not show */
        uint8_t id[PKCS11_ID_MAX]; /* the subject key identifier, else SHA-1 of the key's bits (RFC 5280, 4.2.1.2) */
        size_t id_size;
        uint8_t sha1[20], sha256[32]; /* of der */
        char start[PKCS11_DATE_SIZE], end[PKCS11_DATE_SIZE]; /* NULs: beyond what a date can say */
        int64_t not_after;
} Pkcs11Certificate;

/* -EBADMSG, -E2BIG */
int pkcs11_certificate_read(gnutls_x509_crt_t crt, Pkcs11Certificate *ret);
void pkcs11_certificate_done(Pkcs11Certificate *c);
#define _cleanup_pkcs11_certificate_ _cleanup_(pkcs11_certificate_done)
