/* SPDX-License-Identifier: MIT */
#pragma once

/* What an AK certificate says: TCG EK Credential Profile's AK sibling as step-ca and step read it. Signing
 * is certificate-authority's. */
#include "protocol/device-names.h"
#include "protocol/ek-certificate.h"

#define AK_CERTIFICATE_BACKDATE 300       /* seconds */
#define AK_LIFETIME_DEFAULT (24 * 3600)   /* seconds */
#define AK_LIFETIME_MAX (3650LL * 86400)
#define AK_SERIAL_SIZE 16U

/* What a pinned device without EK certificate has for a TPM model. */
#define AK_TPM_UNVERIFIED               \
        ((TpmData) { .manufacturer = "unverified", .model = "unverified", .version = "unverified" })

typedef struct AkCertificate {
        uint8_t serial[AK_SERIAL_SIZE];       /* made positive and minimal by ak_certificate_serial() */
        uint8_t ek_hash[32];
        PublicKey ak;
        TpmData tpm;
        const char *const *names;             /* NULL-terminated; NULL or empty only with any_name */
        bool any_name;                        /* the operator's explicit exception: no permanentIdentifier */
        int64_t not_before, not_after;        /* seconds since the epoch */
} AkCertificate;

/* 16 random bytes become a serial number: first bit clear, first byte not zero. */
void ak_certificate_serial(uint8_t serial[static AK_SERIAL_SIZE]);

/* now - 5 min … min(now + lifetime, issuer's end). -ESTALE when the issuer has ended. */
int ak_certificate_validity(int64_t now, int64_t lifetime, int64_t issuer_not_after, int64_t *ret_not_before,
                            int64_t *ret_not_after);

/* DER of the subjectAltName: permanentIdentifier per name, urn:ek:sha256:…, directoryName of three RDNs.
 * -EINVAL: no name without any_name, a name that device_name_valid() refuses and that is not this device's
 * EK hash, TPM data that is empty. */
int ak_certificate_san(const AkCertificate *c, Bytes *ret);
