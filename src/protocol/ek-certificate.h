/* SPDX-License-Identifier: MIT */
#pragma once

/* EK certificates (TCG EK Credential Profile): what a certificate says, and whether it holds. Nothing is
 * ever fetched from an address in a certificate. */
#include "protocol/ek-notes.h"
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
        EK_VERDICT_UNKNOWN_ISSUER,  /* for this EK, but no chain to an anchor */
        EK_VERDICT_SHA1,            /* there is one, with a signature of SHA-1 that is not allowed for its vendor */
        EK_VERDICT_NOT_AN_EK,       /* CA, AIK usage, signing-only key usage, … */
        EK_VERDICT_EXPIRED,
        _EK_VERDICT_MAX,
} EkVerdict;

typedef struct EkFindings {
        /* When TRUSTED: */
        TpmData tpm;
        char vendor[TPM_VENDOR_MAX_NAME]; /* of the anchor; "": not known */
        unsigned used;                    /* of EkAllow: what was let pass */
        bool other_vendor;                /* the certificate names another vendor than the anchor's */
        /* When UNKNOWN_ISSUER (the one that was looked for in vain), SHA1, NOT_AN_EK, EXPIRED; ASCII. A claim. */
        char issuer[EK_ISSUER_TEXT_MAX];
} EkFindings;

/* certificates: DER each, in any order, padding and header of NV memory allowed. Those for other keys lend no trust
 * and do no harm: if they are certificates of CAs they can be intermediates of a chain, and nothing else. ret is
 * always set.
 * now: seconds since the epoch, the only clock that counts. The best verdict among those for ek wins. */
EkVerdict ek_certificates_verify(const EkTrust *trust, const PublicKey *ek, const ByteView *certificates,
                                 size_t n_certificates, int64_t now, EkFindings *ret);
const char *ek_verdict_to_string(EkVerdict v);
/* The same for the first of some certificates, taken for its own key, the others sent beside it; notes tell of each
 * step. */
EkVerdict ek_certificate_explain(const EkTrust *trust, const ByteView *certificates, size_t n_certificates, int64_t now,
                                 EkFindings *ret, EkNotes *notes);

/* The key of an EK certificate; knows rsaesOaep. Errors as public_key_from_spki(). */
int ek_certificate_key(ByteView der, PublicKey *ret);

/* What NV memory holds: strips the header of TCG_PCCLIENT_STORED_CERT (10 01 00, size, and 10 02 of a full
 * certificate) and whatever follows the outer SEQUENCE. The view points into raw. -EINVAL when there is no
 * whole certificate. */
int ek_certificate_trim(ByteView raw, ByteView *ret);
