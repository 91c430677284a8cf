/* SPDX-License-Identifier: MIT */
#include "protocol/certificate.h"

#include <stdio.h>

#include "protocol/gnutls-types.h"

#define EXTENSIONS_MAX 32U
#define OID_TEXT_MAX 128U
#define PURPOSES_MAX 16U

#define OID_PURPOSE_EK "2.23.133.8.1"  /* tcg-kp-EKCertificate */
#define OID_PURPOSE_AIK "2.23.133.8.3" /* tcg-kp-AIKCertificate */
#define OID_PURPOSE_ANY "2.5.29.37.0"

int certificate_parts(ByteView der, CertificateParts *ret) {
        CertificateParts p = { .der = der };
        ByteReader outer = READER(der);
        ByteReader certificate = read_der_inside(&outer, DER_SEQUENCE);
        DerElement tbs = read_der(&certificate);
        ByteReader fields = READER(tbs.content);

        p.tbs = tbs.whole;
        (void) read_der_as(&certificate, DER_SEQUENCE); /* signatureAlgorithm */
        ByteReader bits = read_der_inside(&certificate, DER_BIT_STRING);
        uint8_t unused = read_u8(&bits);
        p.signature = read_view(&bits, bits.left);

        if (der_next_is(&fields, DER_CONTEXT_CONSTRUCTED(0))) /* version */
                (void) read_der(&fields);
        (void) read_der_as(&fields, DER_INTEGER);
        (void) read_der_as(&fields, DER_SEQUENCE); /* signature */
        DerElement issuer = read_der(&fields);
        (void) read_der_as(&fields, DER_SEQUENCE); /* validity */
        DerElement subject = read_der(&fields);
        DerElement spki = read_der(&fields);
        while (fields.left > 0 && !fields.failed) /* unique identifiers, extensions */
                (void) read_der(&fields);

        p.issuer = issuer.whole;
        p.subject = subject.whole;
        p.spki = spki.whole;
        if (!reader_done(&outer) || !reader_done(&certificate) || !reader_done(&bits) ||
            !reader_done(&fields) || unused != 0)
                return -EINVAL;
        if (tbs.identifier != DER_SEQUENCE || issuer.identifier != DER_SEQUENCE ||
            subject.identifier != DER_SEQUENCE || spki.identifier != DER_SEQUENCE)
                return -EINVAL;
        *ret = p;
        return 0;
}

/* All extensions by name: none twice, none critical that is not looked at here or by the verdict. */
static int read_extension_names(Certificate *c) {
        static const char *const known[] = {
                "2.5.29.9",  /* subjectDirectoryAttributes: TPM specification, nothing to check */
                "2.5.29.14", "2.5.29.15", "2.5.29.17", "2.5.29.19",
                "2.5.29.31", /* cRLDistributionPoints: nothing is fetched */
                "2.5.29.32", /* certificatePolicies: any will do */
                "2.5.29.35", "2.5.29.37",
        };
        char oids[EXTENSIONS_MAX][OID_TEXT_MAX];

        for (unsigned i = 0;; i++) {
                char oid[OID_TEXT_MAX];
                size_t size = sizeof(oid);
                unsigned critical = 0;

                int r = gnutls_x509_crt_get_extension_info(c->gnutls, i, oid, &size, &critical);
                if (r == GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE)
                        return 0;
                if (r < 0 || i >= EXTENSIONS_MAX)
                        return -EINVAL;
                for (unsigned k = 0; k < i; k++)
                        if (strcmp(oids[k], oid) == 0)
                                return -EINVAL;
                strcpy(oids[i], oid);

                bool found = !critical;
                for (size_t k = 0; k < ELEMENTSOF(known) && !found; k++)
                        found = strcmp(known[k], oid) == 0;
                c->unknown_critical |= !found;
        }
}

static int read_purposes(Certificate *c) {
        for (unsigned i = 0;; i++) {
                char oid[OID_TEXT_MAX];
                size_t size = sizeof(oid);

                int r = gnutls_x509_crt_get_key_purpose_oid(c->gnutls, (int) i, oid, &size, NULL);
                if (r == GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE)
                        return 0;
                if (r < 0 || i >= PURPOSES_MAX)
                        return -EINVAL;
                c->purposes = true;
                c->purpose_ek |= strcmp(oid, OID_PURPOSE_EK) == 0;
                c->purpose_aik |= strcmp(oid, OID_PURPOSE_AIK) == 0;
                c->purpose_any |= strcmp(oid, OID_PURPOSE_ANY) == 0;
        }
}

static int read_extensions(Certificate *c) {
        unsigned ca = 0;

        int r = read_extension_names(c);
        if (r < 0)
                return r;

        c->path_length = -1;
        r = gnutls_x509_crt_get_basic_constraints(c->gnutls, NULL, &ca, &c->path_length);
        if (r < 0 && r != GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE)
                return -EINVAL;
        c->ca = r >= 0 && ca;

        r = gnutls_x509_crt_get_key_usage(c->gnutls, &c->usage, NULL);
        if (r == GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE)
                c->usage = ~0U;
        else if (r < 0)
                return -EINVAL;
        return read_purposes(c);
}

void certificate_done(Certificate *c) {
        if (c->gnutls)
                gnutls_x509_crt_deinit(c->gnutls);
        *c = (Certificate) {};
}

int certificate_read(const CertificateParts *parts, Certificate *ret) {
        _cleanup_certificate_ Certificate c = { .parts = *parts };
        gnutls_datum_t d = datum_of(parts->der);

        if (gnutls_x509_crt_init(&c.gnutls) < 0)
                return -ENOMEM;
        if (gnutls_x509_crt_import(c.gnutls, &d, GNUTLS_X509_FMT_DER) < 0)
                return -EINVAL;

        time_t from = gnutls_x509_crt_get_activation_time(c.gnutls);
        time_t to = gnutls_x509_crt_get_expiration_time(c.gnutls);
        if (from == (time_t) -1 || to == (time_t) -1)
                return -EINVAL;
        c.not_before = from;
        c.not_after = to;
        c.algorithm = gnutls_x509_crt_get_signature_algorithm(c.gnutls);

        int r = read_extensions(&c);
        if (r < 0)
                return r;
        *ret = TAKE_GENERIC(c, (Certificate) {});
        return 0;
}

bool certificate_self_issued(const Certificate *c) {
        return view_equal(c->parts.issuer, c->parts.subject);
}

bool certificate_sha1(const Certificate *c) {
        return c->algorithm == GNUTLS_SIGN_RSA_SHA1 || c->algorithm == GNUTLS_SIGN_ECDSA_SHA1;
}

int certificate_signed_by(const Certificate *c, EVP_PKEY *issuer, bool sha1) {
        static const struct {
                int id;
                int key;
                const EVP_MD *(*digest)(void);
                bool sha1;
        } algorithms[] = {
                { GNUTLS_SIGN_RSA_SHA256, EVP_PKEY_RSA, EVP_sha256, false },
                { GNUTLS_SIGN_RSA_SHA384, EVP_PKEY_RSA, EVP_sha384, false },
                { GNUTLS_SIGN_RSA_SHA512, EVP_PKEY_RSA, EVP_sha512, false },
                { GNUTLS_SIGN_ECDSA_SHA256, EVP_PKEY_EC, EVP_sha256, false },
                { GNUTLS_SIGN_ECDSA_SHA384, EVP_PKEY_EC, EVP_sha384, false },
                { GNUTLS_SIGN_ECDSA_SHA512, EVP_PKEY_EC, EVP_sha512, false },
                { GNUTLS_SIGN_RSA_SHA1, EVP_PKEY_RSA, EVP_sha1, true },
                { GNUTLS_SIGN_ECDSA_SHA1, EVP_PKEY_EC, EVP_sha1, true },
        };
        const CertificateParts *p = &c->parts;

        for (size_t i = 0; i < ELEMENTSOF(algorithms); i++) {
                if (algorithms[i].id != c->algorithm || (algorithms[i].sha1 && !sha1))
                        continue;
                if (EVP_PKEY_get_base_id(issuer) != algorithms[i].key)
                        return -EKEYREJECTED;

                EVP_MD_CTX *x = EVP_MD_CTX_new();
                if (!x || EVP_DigestVerifyInit(x, NULL, algorithms[i].digest(), NULL, issuer) != 1) {
                        EVP_MD_CTX_free(x);
                        return -ENOMEM;
                }
                /* Spares a copy of the state, which would fail as if the signature were bad. */
                EVP_MD_CTX_set_flags(x, EVP_MD_CTX_FLAG_FINALISE);
                bool good = EVP_DigestVerify(x, p->signature.data, p->signature.size, p->tbs.data, p->tbs.size) == 1;
                EVP_MD_CTX_free(x);
                return good ? 0 : -EKEYREJECTED;
        }
        return -ENOTSUP;
}

void certificate_issuer_text(const CertificateParts *parts, char *ret, size_t size) {
        certificate_name_text(parts->issuer, ret, size);
}

void certificate_name_text(ByteView encoded, char *ret, size_t size) {
        _cleanup_datum_ gnutls_datum_t text = {};
        gnutls_datum_t name = datum_of(encoded);
        size_t n = 0;

        if (gnutls_x509_rdn_get2(&name, &text, 0) >= 0)
                for (unsigned i = 0; i < text.size; i++) {
                        unsigned char c = text.data[i];
                        bool plain = c >= 0x20 && c < 0x7f;
                        if (n + (plain ? 1 : 3) >= size)
                                break;
                        n += (size_t) snprintf(ret + n, size - n, plain ? "%c" : "\\%02X", c);
                }
        ret[n] = 0;
}
