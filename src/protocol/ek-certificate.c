/* SPDX-License-Identifier: MIT */
#include "protocol/ek-certificate.h"

#include "protocol/gnutls-types.h"

#define TPM_ATTRIBUTES_MAX 32U         /* of a directoryName */
#define TPM_DATA_MISSING "unspecified" /* cloud providers leave it out, and step-ca wants a text */

const char *ek_verdict_to_string(EkVerdict v) {
        static const char *const texts[_EK_VERDICT_MAX] = {
                [EK_VERDICT_TRUSTED] = "trusted",
                [EK_VERDICT_NONE] = "no EK certificate",
                [EK_VERDICT_MALFORMED] = "malformed EK certificate",
                [EK_VERDICT_OTHER_KEY] = "no EK certificate for this EK",
                [EK_VERDICT_SHA1] = "EK certificate or intermediate signed with SHA-1",
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
static bool is_ek(const Certificate *c, EkNotes *notes) {
        const struct {
                bool holds;
                const char *good, *bad;
        } conditions[] = {
                { !c->ca, "It is not the certificate of a CA.", "It is the certificate of a CA." },
                { !c->purpose_aik, NULL, "Its purpose is to certify an Attestation Key (2.23.133.8.3)." },
                { !c->purposes || c->purpose_ek,
                  c->purposes ? "Its purpose is to certify an EK (2.23.133.8.1)." : "It is for any purpose.",
                  "It has purposes, and that of an EK certificate (2.23.133.8.1) is not among them." },
                { c->usage & (GNUTLS_KEY_KEY_ENCIPHERMENT | GNUTLS_KEY_KEY_AGREEMENT),
                  "Its key is for encryption, as an EK is.", "Its key is not for encryption, as an EK has to be." },
                { !c->unknown_critical, NULL, "It has a critical extension that is not understood here." },
        };
        bool good = true;

        for (size_t i = 0; i < ELEMENTSOF(conditions); i++) {
                const char *text = conditions[i].holds ? conditions[i].good : conditions[i].bad;
                if (text)
                        ek_note(notes, conditions[i].holds ? EK_NOTE_GOOD : EK_NOTE_BAD, "%s", text);
                good &= conditions[i].holds;
        }
        return good;
}

/* What the verdict on all certificates of a request shares. */
typedef struct Verifier {
        const EkTrust *trust; /* with what the device sent */
        int64_t now;
        EkNotes *notes;
} Verifier;

static void keep_path(const Verifier *v, const Certificate *c, const EkPath *path, EkFindings *ret) {
        const char *vendor = path->issuers[path->n - 1]->vendor;
        char manufacturer[TPM_VENDOR_MAX_NAME];

        tpm_data(c, &ret->tpm);
        ret->used = path->used;
        strcpy(ret->vendor, vendor);
        ret->other_vendor = vendor[0] && tpm_vendor_from_manufacturer(ret->tpm.manufacturer, manufacturer) >= 0 &&
                            !tpm_vendor_same(manufacturer, vendor);
        if (ret->other_vendor)
                ek_note(v->notes, EK_NOTE_REMARK, "It says that the TPM's vendor is %s, and the root is of %s.",
                        tpm_vendor_title(manufacturer), tpm_vendor_title(vendor));
}

static EkVerdict verify_one(const Verifier *v, const CertificateParts *parts, EkFindings *ret) {
        _cleanup_certificate_ Certificate c = {};
        EkPath path;

        certificate_issuer_text(parts, ret->issuer, sizeof(ret->issuer));
        if (certificate_read(parts, &c) < 0) {
                ek_note(v->notes, EK_NOTE_BAD, "It is no certificate.");
                return EK_VERDICT_MALFORMED;
        }
        if (!is_ek(&c, v->notes))
                return EK_VERDICT_NOT_AN_EK;
        ek_trust_chain(v->trust, &c, v->now, &path);
        ek_note_path(v->notes, &path, &c, v->now);
        switch (path.chain) {
        case EK_CHAIN_GOOD:
                keep_path(v, &c, &path, ret);
                return EK_VERDICT_TRUSTED;
        case EK_CHAIN_EXPIRED:
                return EK_VERDICT_EXPIRED;
        default:
                certificate_name_text(path.wanted, ret->issuer, sizeof(ret->issuer));
                return path.why == EK_BREAK_SHA1 ? EK_VERDICT_SHA1 : EK_VERDICT_UNKNOWN_ISSUER;
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
                EK_VERDICT_OTHER_KEY, EK_VERDICT_NOT_AN_EK, EK_VERDICT_UNKNOWN_ISSUER, EK_VERDICT_SHA1,
                EK_VERDICT_EXPIRED, EK_VERDICT_TRUSTED,
        };
        unsigned i = 0;

        while (i < ELEMENTSOF(ascending) - 1 && ascending[i] != v)
                i++;
        return i;
}

/* The certificates of a request: those for its EK, and the others, which can be intermediates. */
typedef struct Sorted {
        CertificateParts ours[EK_CERTIFICATES_MAX], others[EK_CERTIFICATES_MAX];
        size_t n_ours, n_others;
} Sorted;

static bool sort(const ByteView *certificates, size_t n, const PublicKey *ek, Sorted *ret) {
        _cleanup_bytes_ Bytes spki = BYTES_NULL;

        if (n > EK_CERTIFICATES_MAX || public_key_to_spki(ek, &spki) < 0)
                return false;
        for (size_t i = 0; i < n; i++) {
                CertificateParts parts;
                int r = parts_of(certificates[i], &parts);
                if (r >= 0)
                        r = is_for(&parts, ek, bytes_view(&spki));
                if (r < 0)
                        return false;
                if (r > 0)
                        ret->ours[ret->n_ours++] = parts;
                else
                        ret->others[ret->n_others++] = parts;
        }
        return true;
}

/* In any order: again as long as one of them got in. */
static int add_sent(EkTrust *sent, const Sorted *s) {
        for (bool more = true; more;) {
                more = false;
                for (size_t i = 0; i < s->n_others; i++) {
                        int r = ek_trust_add_sent(sent, &s->others[i]);
                        if (r < 0)
                                return r;
                        more |= r > 0;
                }
        }
        return 0;
}

static EkVerdict verify_all(const Verifier *v, const Sorted *s, EkFindings *ret) {
        EkVerdict best = EK_VERDICT_OTHER_KEY;

        for (size_t i = 0; i < s->n_ours && best != EK_VERDICT_TRUSTED; i++) {
                EkFindings f = {};
                EkVerdict one = verify_one(v, &s->ours[i], &f);
                if (one == EK_VERDICT_MALFORMED)
                        return one;
                if (rank(one) > rank(best)) {
                        best = one;
                        *ret = f;
                }
        }
        if (best == EK_VERDICT_TRUSTED)
                ret->issuer[0] = 0;
        return best;
}

static EkVerdict verify_sorted(const EkTrust *trust, const Sorted *s, int64_t now, EkFindings *ret, EkNotes *notes) {
        _cleanup_(ek_trust_freep) EkTrust *sent = NULL;
        Verifier v = { .trust = trust, .now = now, .notes = notes };

        /* Without memory for it the intermediates are missing, which is the safe side. */
        if (s->n_others > 0 && s->n_ours > 0 && ek_trust_new_sent(trust, &sent) >= 0 && add_sent(sent, s) >= 0)
                v.trust = sent;
        return verify_all(&v, s, ret);
}

EkVerdict ek_certificates_verify(const EkTrust *trust, const PublicKey *ek, const ByteView *certificates,
                                 size_t n_certificates, int64_t now, EkFindings *ret) {
        Sorted s = {};

        *ret = (EkFindings) {};
        if (n_certificates == 0)
                return EK_VERDICT_NONE;
        if (!sort(certificates, n_certificates, ek, &s))
                return EK_VERDICT_MALFORMED;
        return verify_sorted(trust, &s, now, ret, NULL);
}

EkVerdict ek_certificate_explain(const EkTrust *trust, const ByteView *certificates, size_t n_certificates, int64_t now,
                                 EkFindings *ret, EkNotes *notes) {
        PublicKey key;
        Sorted s = {};

        *ret = (EkFindings) {};
        *notes = (EkNotes) {};
        int r = n_certificates > 0 ? ek_certificate_key(certificates[0], &key) : -EINVAL;
        if (r < 0) {
                ek_note(notes, EK_NOTE_BAD, "%s", r == -ENOTSUP ? "Its key is of a kind that no EK here can be." :
                                                                  "It is no certificate.");
                return r == -ENOTSUP ? EK_VERDICT_NOT_AN_EK : EK_VERDICT_MALFORMED;
        }
        if (!sort(certificates, n_certificates, &key, &s)) {
                ek_note(notes, EK_NOTE_BAD, "One of the certificates beside it is no certificate.");
                return EK_VERDICT_MALFORMED;
        }
        return verify_sorted(trust, &s, now, ret, notes);
}
