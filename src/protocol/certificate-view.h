/* SPDX-License-Identifier: MIT */
#pragma once

/* Certificates as people look at them: who, by whom, until when. Nothing is verified. Texts are the issuer's
 * word: valid UTF-8 is not promised, escape them before showing. */
#include "shared/bytes.h"

#define CERTIFICATE_VIEW_MAX 16U            /* certificates of a chain */
#define CERTIFICATE_VIEW_PEM_MAX (256U * 1024)
#define CERTIFICATE_VIEW_NAME_MAX 4096U     /* bytes of a name */
#define CERTIFICATE_VIEW_KEY_MAX 32U
#define CERTIFICATE_VIEW_SERIAL_SHORT 12U   /* "9209...5502" and its NUL */

typedef struct CertificateView {
        char *subject;      /* common name, else all of the name; for an empty name the permanentIdentifier, or "" */
        char *issuer;       /* common name, else all of the name */
        char *provisioner;  /* of step-ca's extension 1.3.6.1.4.1.37476.9000.64.1; NULL: none */
        char *serial;       /* decimal */
        char key[CERTIFICATE_VIEW_KEY_MAX]; /* "RSA 2048", "ECDSA P-256" */
        int64_t not_before, not_after;      /* seconds since the epoch */
} CertificateView;

typedef struct CertificateChainView {
        CertificateView *certificates; /* as in the file: leaf first */
        size_t n;
} CertificateChainView;

void certificate_chain_view_done(CertificateChainView *c);
#define _cleanup_certificate_chain_view_ _cleanup_(certificate_chain_view_done)

/* -EBADMSG: not certificates in PEM, or none; -E2BIG: beyond a limit. */
int certificate_chain_view_from_pem(ByteView pem, CertificateChainView *ret);

/* First and last four digits, or all of a short one. */
void certificate_serial_short(const char *serial, char ret[static CERTIFICATE_VIEW_SERIAL_SHORT]);
