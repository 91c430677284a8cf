/* SPDX-License-Identifier: MIT */
#include "protocol/ek-certificate.h"

#include "protocol/ek-trust.h"
#include "protocol/gnutls-types.h"

#define TPM_ATTRIBUTES_MAX 32U         /* of a directoryName */
#define TPM_DATA_MISSING "unspecified" /* cloud providers leave it out, and step-ca wants a text */

const char *ek_verdict_to_string(EkVerdict v) {
        static const char *const texts[_EK_VERDICT_MAX] = {
                [EK_VERDICT_TRUSTED] = "trusted",
                [EK_VERDICT_NONE] = "no EK certificate",
                [EK_VERDICT_MALFORMED] = "malformed EK certificate",
                [EK_VERDICT_OTHER_KEY] = "no EK certificate for this EK",
                [EK_VERDICT_UNKNOWN_ISSUER] = "EK certificate of an unknown issuer",
                [EK_VERDICT_NOT_AN_EK] = "not the certificate of an EK",
                [EK_VERDICT_EXPIRED] = "EK certificate not valid at this time",
        };

        return (unsigned) v < _EK_VERDICT_MAX ? texts[v] : "invalid";
}

/* TCG PC Client specific TPM profile, TCG_PCCLIENT_STORED_CERT: tag 1001, type 00, size; then tag 1002 when
 * it is a full certificate. */
int ek_certificate_trim(ByteView raw, ByteView *ret) {
        static const uint8_t stored[] = { 0x10, 0x01, 0x00 }, full[] = { 0x10, 0x02 };
        ByteReader r = READER(raw);

        if (raw.size >= 7 && memcmp(raw.data, stored, sizeof(stored)) == 0)
                (void) read_view(&r, memcmp(raw.data + 5, full, sizeof(full)) == 0 ? 7 : 5);
        DerElement e = read_der(&r);
        if (e.identifier != DER_SEQUENCE || e.whole.size > EK_CERTIFICATE_SIZE_MAX)
                return -EINVAL;
        *ret = e.whole;
        return 0;
}

static int parts_of(ByteView der, CertificateParts *ret) {
        ByteView trimmed;

        int r = ek_certificate_trim(der, &trimmed);
        return r < 0 ? r : certificate_parts(trimmed, ret);
}

int ek_certificate_key(ByteView der, PublicKey *ret) {
        CertificateParts parts;

        int r = parts_of(der, &parts);
        return r < 0 ? r : public_key_from_spki(parts.spki, ret);
}

/* Strangers' text that goes on into certificates, logs and terminals. */
static void tpm_text(ByteView v, char ret[static TPM_DATA_TEXT_MAX]) {
        size_t n = MIN_OF(v.size, (size_t) TPM_DATA_TEXT_MAX - 1);

        for (size_t i = 0; i < n; i++)
                ret[i] = v.data[i] >= 0x20 && v.data[i] < 0x7f ? (char) v.data[i] : '?';
        if (n > 0)
                ret[n] = 0;
}

static void read_attribute(ByteReader *rdn, TpmData *tpm) {
        static const uint8_t prefix[] = { 0x67, 0x81, 0x05, 0x02 }; /* 2.23.133.2 */
        ByteReader attribute = read_der_inside(rdn, DER_SEQUENCE);
        ByteView oid = read_der_as(&attribute, DER_OID);
        DerElement value = read_der(&attribute);

        if (!reader_done(&attribute)) {
                rdn->failed = true;
                return;
        }
        if (oid.size != sizeof(prefix) + 1 || memcmp(oid.data, prefix, sizeof(prefix)) != 0 ||
            (value.identifier != DER_UTF8_STRING && value.identifier != DER_PRINTABLE_STRING))
                return;
        if (oid.data[4] == 1)
                tpm_text(value.content, tpm->manufacturer);
        else if (oid.data[4] == 2)
                tpm_text(value.content, tpm->model);
        else if (oid.data[4] == 3)
                tpm_text(value.content, tpm->version);
}

/* TCG EK Credential Profile, 3.2.9: subjectAltName with a directoryName; in practice one RDN of three
 * attributes as often as three RDNs. What cannot be read is left out: it decides nothing. */
static void read_tpm(ByteView san, TpmData *tpm) {
        ByteReader outer = READER(san);
        ByteReader names = read_der_inside(&outer, DER_SEQUENCE);
        unsigned n = 0;

        while (names.left > 0 && !names.failed) {
                if (!der_next_is(&names, DER_CONTEXT_CONSTRUCTED(4))) {
                        (void) read_der(&names);
                        continue;
                }
                ByteReader name = read_der_inside(&names, DER_CONTEXT_CONSTRUCTED(4));
                ByteReader rdns = read_der_inside(&name, DER_SEQUENCE);
                while (rdns.left > 0 && !rdns.failed) {
                        ByteReader rdn = read_der_inside(&rdns, DER_SET);
                        while (rdn.left > 0 && !rdn.failed && n++ < TPM_ATTRIBUTES_MAX)
                                read_attribute(&rdn, tpm);
                }
        }
}

static void tpm_data(const Certificate *c, TpmData *ret) {
        TpmData tpm = {
                .manufacturer = TPM_DATA_MISSING,
                .model = TPM_DATA_MISSING,
                .version = TPM_DATA_MISSING,
        };
        _cleanup_datum_ gnutls_datum_t san = {};

        if (gnutls_x509_crt_get_extension_by_oid2(c->gnutls, "2.5.29.17", 0, &san, NULL) >= 0)
                read_tpm(datum_view(&san), &tpm);
        *ret = tpm;
}

/* TCG EK Credential Profile, 3.2: not a CA, extKeyUsage tcg-kp-EKCertificate. keyUsage may be of either kind
 * for either key: there are EC EKs with keyEncipherment. */
static bool is_ek(const Certificate *c) {
        return !c->ca && !c->unknown_critical && !c->purpose_aik && (!c->purposes || c->purpose_ek) &&
               (c->usage & (GNUTLS_KEY_KEY_ENCIPHERMENT | GNUTLS_KEY_KEY_AGREEMENT));
}

static EkVerdict verify_one(const EkTrust *trust, const CertificateParts *parts, int64_t now, TpmData *ret) {
        _cleanup_certificate_ Certificate c = {};

        if (certificate_read(parts, &c) < 0)
                return EK_VERDICT_MALFORMED;
        if (!is_ek(&c))
                return EK_VERDICT_NOT_AN_EK;
        switch (ek_trust_chain(trust, &c, now)) {
        case EK_CHAIN_GOOD:
                tpm_data(&c, ret);
                return EK_VERDICT_TRUSTED;
        case EK_CHAIN_EXPIRED:
                return EK_VERDICT_EXPIRED;
        default:
                return EK_VERDICT_UNKNOWN_ISSUER;
        }
}

/* Is this certificate for ek? spki is ek's encoding, which spares most certificates the decoding.
 * Other algorithms are other keys; -EINVAL when it is no certificate. */
static int is_for(const CertificateParts *parts, const PublicKey *ek, ByteView spki) {
        PublicKey k;

        if (view_equal(parts->spki, spki))
                return 1;
        int r = public_key_from_spki(parts->spki, &k);
        if (r == -ENOTSUP)
                return 0;
        return r < 0 ? r : public_key_equal(&k, ek);
}

static unsigned rank(EkVerdict v) {
        static const EkVerdict ascending[] = {
                EK_VERDICT_OTHER_KEY, EK_VERDICT_NOT_AN_EK, EK_VERDICT_UNKNOWN_ISSUER, EK_VERDICT_EXPIRED,
                EK_VERDICT_TRUSTED,
        };
        unsigned i = 0;

        while (i < ELEMENTSOF(ascending) - 1 && ascending[i] != v)
                i++;
        return i;
}

EkVerdict ek_certificates_verify(const EkTrust *trust, const PublicKey *ek, const ByteView *certificates,
                                 size_t n_certificates, int64_t now, EkFindings *ret) {
        CertificateParts ours[EK_CERTIFICATES_MAX];
        _cleanup_bytes_ Bytes spki = BYTES_NULL;
        EkVerdict best = EK_VERDICT_OTHER_KEY;
        size_t n = 0, best_of = 0;

        *ret = (EkFindings) {};
        if (n_certificates == 0)
                return EK_VERDICT_NONE;
        if (n_certificates > EK_CERTIFICATES_MAX || public_key_to_spki(ek, &spki) < 0)
                return EK_VERDICT_MALFORMED;

        for (size_t i = 0; i < n_certificates; i++) {
                if (parts_of(certificates[i], &ours[n]) < 0)
                        return EK_VERDICT_MALFORMED;
                int r = is_for(&ours[n], ek, bytes_view(&spki));
                if (r < 0)
                        return EK_VERDICT_MALFORMED;
                n += (size_t) r;
        }

        for (size_t i = 0; i < n && best != EK_VERDICT_TRUSTED; i++) {
                EkVerdict v = verify_one(trust, &ours[i], now, &ret->tpm);
                if (v == EK_VERDICT_MALFORMED)
                        return v;
                if (rank(v) > rank(best)) {
                        best = v;
                        best_of = i;
                }
        }
        if (best != EK_VERDICT_TRUSTED && best != EK_VERDICT_OTHER_KEY)
                certificate_issuer_text(&ours[best_of], ret->issuer, sizeof(ret->issuer));
        return best;
}
