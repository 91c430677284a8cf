/* SPDX-License-Identifier: MIT */
#pragma once

/* EK certificates (TCG EK Credential Profile): what a certificate says, and whether it holds. Nothing is
 * ever fetched from an address in a certificate. */
#include "protocol/ek-trust.h"
#include "protocol/public-key.h"

#define EK_CERTIFICATES_MAX 8U     /* in one request */
#define EK_ISSUER_TEXT_MAX 256U    /* with NUL */
#define TPM_DATA_TEXT_MAX 65U      /* with NUL */

/* The TPM's model as directoryName of the SAN: printable ASCII ("?" for all else), cut to 64 bytes;
 * "unspecified" for what the certificate leaves out. */
typedef struct TpmData {
        char manufacturer[TPM_DATA_TEXT_MAX]; /* 2.23.133.2.1, "id:" and eight hex digits as a rule */
        char model[TPM_DATA_TEXT_MAX];        /* 2.23.133.2.2 */
        char version[TPM_DATA_TEXT_MAX];      /* 2.23.133.2.3 */
} TpmData;

typedef enum EkVerdict {
        EK_VERDICT_TRUSTED,
        EK_VERDICT_NONE,            /* no certificate sent at all */
        EK_VERDICT_MALFORMED,       /* one of them is no certificate: 400 */
        EK_VERDICT_OTHER_KEY,       /* none of them is for this EK: 403 (finding F1) */
        EK_VERDICT_UNKNOWN_ISSUER,  /* for this EK, but no chain to an anchor (SHA-1 makes none) */
        EK_VERDICT_NOT_AN_EK,       /* CA, AIK usage, signing-only key usage, … */
        EK_VERDICT_EXPIRED,
        _EK_VERDICT_MAX,
} EkVerdict;

typedef struct EkFindings {
        TpmData tpm;                     /* set when TRUSTED */
        char issuer[EK_ISSUER_TEXT_MAX]; /* a claim; set when UNKNOWN_ISSUER, NOT_AN_EK, EXPIRED; ASCII */
} EkFindings;

/* certificates: DER each, in any order, padding and header of NV memory allowed; those for other keys lend
 * no trust and do no harm. ret is always set.
 * now: seconds since the epoch, the only clock that counts. The best verdict among those for ek wins. */
EkVerdict ek_certificates_verify(const EkTrust *trust, const PublicKey *ek, const ByteView *certificates,
                                 size_t n_certificates, int64_t now, EkFindings *ret);
const char *ek_verdict_to_string(EkVerdict v);

/* The key of an EK certificate; knows rsaesOaep. Errors as public_key_from_spki(). */
int ek_certificate_key(ByteView der, PublicKey *ret);

/* What NV memory holds: strips the header of TCG_PCCLIENT_STORED_CERT (10 01 00, size, and 10 02 of a full
 * certificate) and whatever follows the outer SEQUENCE. The view points into raw. -EINVAL when there is no
 * whole certificate. */
int ek_certificate_trim(ByteView raw, ByteView *ret);
