/* SPDX-License-Identifier: MIT */
#include "protocol/certificate-view.h"

#include <gnutls/abstract.h>
#include <gnutls/x509.h>
#include <openssl/bn.h>
#include <openssl/crypto.h>
#include <stdio.h>

#include "protocol/der.h"
#include "protocol/public-key.h"

#define OID_STEP_PROVISIONER "1.3.6.1.4.1.37476.9000.64.1"
#define OID_PERMANENT_IDENTIFIER "1.3.6.1.5.5.7.8.3"
#define SERIAL_MAX 64U /* bytes; RFC 5280 §4.1.2.2 has 20 */
#define ALT_NAMES_MAX 64U

static int gnutls_errno(int r) {
        if (r >= 0)
                return 0;
        switch (r) {
        case GNUTLS_E_MEMORY_ERROR:
                return -ENOMEM;
        case GNUTLS_E_SHORT_MEMORY_BUFFER:
                return -E2BIG;
        case GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE:
                return -ENOENT;
        default:
                return -EBADMSG;
        }
}

/* Bytes as a string; a NUL among them ends nothing, it becomes '?'. */
static int text_from(ByteView v, char **ret) {
        if (v.size > CERTIFICATE_VIEW_NAME_MAX)
                return -E2BIG;
        char *s = malloc(v.size + 1);
        if (!s)
                return -ENOMEM;
        for (size_t i = 0; i < v.size; i++)
                s[i] = v.data[i] ? (char) v.data[i] : '?';
        s[v.size] = 0;
        *ret = s;
        return 0;
}

/* --- Names --- */

typedef int (*DnByOidFunc)(gnutls_x509_crt_t c, const char *oid, unsigned index, unsigned raw, void *buf, size_t *size);
typedef int (*DnFunc)(gnutls_x509_crt_t c, gnutls_datum_t *dn, unsigned flags);

static int read_name(gnutls_x509_crt_t c, DnByOidFunc by_oid, DnFunc whole, char **ret) {
        char cn[CERTIFICATE_VIEW_NAME_MAX];
        size_t size = sizeof(cn);
        gnutls_datum_t dn;
        int r;

        r = by_oid(c, GNUTLS_OID_X520_COMMON_NAME, 0, 0, cn, &size);
        if (r >= 0)
                return text_from(VIEW(cn, size), ret);
        if (r != GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE)
                return gnutls_errno(r);
        r = whole(c, &dn, 0);
        if (r == GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE)
                return text_from(VIEW_NULL, ret);
        if (r < 0)
                return gnutls_errno(r);
        r = text_from(VIEW(dn.data, dn.size), ret);
        gnutls_free(dn.data);
        return r;
}

/* RFC 4043: SEQUENCE { identifierValue UTF8String OPTIONAL, assigner OBJECT IDENTIFIER OPTIONAL } */
static int identifier_value(ByteView der, char **ret) {
        ByteReader outer = READER(der);
        ByteView sequence = read_der_as(&outer, DER_SEQUENCE);
        ByteReader inner = READER(sequence);
        ByteView value = read_der_as(&inner, DER_UTF8_STRING);

        if (!reader_done(&outer) || inner.failed)
                return -EBADMSG;
        return text_from(value, ret);
}

/* -ENOENT: none. */
static int permanent_identifier(gnutls_x509_crt_t c, char **ret) {
        uint8_t value[CERTIFICATE_VIEW_NAME_MAX];
        char oid[64];

        for (unsigned i = 0; i < ALT_NAMES_MAX; i++) {
                size_t size = sizeof(oid);
                int r = gnutls_x509_crt_get_subject_alt_othername_oid(c, i, oid, &size);
                if (r == GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE)
                        return -ENOENT;
                if (r != GNUTLS_SAN_OTHERNAME || strcmp(oid, OID_PERMANENT_IDENTIFIER) != 0)
                        continue;
                size = sizeof(value);
                r = gnutls_x509_crt_get_subject_alt_name(c, i, value, &size, NULL);
                if (r < 0)
                        return gnutls_errno(r);
                return identifier_value(VIEW(value, size), ret);
        }
        return -ENOENT;
}

static int read_subject(gnutls_x509_crt_t c, char **ret) {
        char *identifier;
        int r;

        r = read_name(c, gnutls_x509_crt_get_dn_by_oid, gnutls_x509_crt_get_dn3, ret);
        if (r < 0 || **ret)
                return r;
        r = permanent_identifier(c, &identifier);
        if (r == -ENOMEM)
                return r;
        if (r >= 0) {
                free(*ret);
                *ret = identifier;
        }
        return 0;
}

/* --- The rest --- */

/* SEQUENCE { type INTEGER, name OCTET STRING, credentialID OCTET STRING, … } */
static int provisioner_name(ByteView der, char **ret) {
        ByteReader outer = READER(der);
        ByteView sequence = read_der_as(&outer, DER_SEQUENCE);
        ByteReader inner = READER(sequence);

        (void) read_der_as(&inner, DER_INTEGER);
        ByteView name = read_der_as(&inner, DER_OCTET_STRING);
        (void) read_der_as(&inner, DER_OCTET_STRING);
        if (!reader_done(&outer) || inner.failed)
                return -EBADMSG;
        return text_from(name, ret);
}

/* An extension that does not read is as good as none: it is here to be looked at. */
static int read_provisioner(gnutls_x509_crt_t c, char **ret) {
        uint8_t der[CERTIFICATE_VIEW_NAME_MAX];
        size_t size = sizeof(der);

        if (gnutls_x509_crt_get_extension_by_oid(c, OID_STEP_PROVISIONER, 0, der, &size, NULL) < 0)
                return 0;
        return provisioner_name(VIEW(der, size), ret) == -ENOMEM ? -ENOMEM : 0;
}

static int read_serial(gnutls_x509_crt_t c, char **ret) {
        uint8_t serial[SERIAL_MAX];
        size_t size = sizeof(serial);
        int r;

        r = gnutls_x509_crt_get_serial(c, serial, &size);
        if (r < 0)
                return gnutls_errno(r);
        BIGNUM *n = BN_bin2bn(serial, (int) size, NULL);
        if (!n)
                return -ENOMEM;
        char *digits = BN_bn2dec(n);
        BN_free(n);
        if (!digits)
                return -ENOMEM;
        *ret = strdup(digits);
        OPENSSL_free(digits);
        return *ret ? 0 : -ENOMEM;
}

static int read_key(gnutls_x509_crt_t c, char ret[static CERTIFICATE_VIEW_KEY_MAX]) {
        gnutls_datum_t spki = {};
        gnutls_pubkey_t pubkey;
        PublicKey key;
        unsigned bits = 0;
        int r;

        r = gnutls_pubkey_init(&pubkey);
        if (r < 0)
                return gnutls_errno(r);
        r = gnutls_pubkey_import_x509(pubkey, c, 0);
        if (r >= 0)
                r = gnutls_pubkey_export2(pubkey, GNUTLS_X509_FMT_DER, &spki);
        if (r >= 0 && public_key_from_spki(VIEW(spki.data, spki.size), &key) >= 0)
                (void) snprintf(ret, CERTIFICATE_VIEW_KEY_MAX, "%s", public_key_to_string(&key));
        else {
                /* Another kind of key than those of this project: a CA may have it. */
                int algorithm = gnutls_x509_crt_get_pk_algorithm(c, &bits);
                const char *name = algorithm < 0 ? NULL : gnutls_pk_algorithm_get_name(algorithm);
                (void) snprintf(ret, CERTIFICATE_VIEW_KEY_MAX, "%s %u", name ?: "unknown key", bits);
        }
        gnutls_free(spki.data);
        gnutls_pubkey_deinit(pubkey);
        return 0;
}

static int read_certificate(gnutls_x509_crt_t c, CertificateView *v) {
        int r;

        v->not_before = gnutls_x509_crt_get_activation_time(c);
        v->not_after = gnutls_x509_crt_get_expiration_time(c);
        if (v->not_before < 0 || v->not_after < 0)
                return -EBADMSG;
        if ((r = read_subject(c, &v->subject)) < 0 ||
            (r = read_name(c, gnutls_x509_crt_get_issuer_dn_by_oid, gnutls_x509_crt_get_issuer_dn3, &v->issuer)) < 0 ||
            (r = read_provisioner(c, &v->provisioner)) < 0 ||
            (r = read_serial(c, &v->serial)) < 0)
                return r;
        return read_key(c, v->key);
}

void certificate_chain_view_done(CertificateChainView *c) {
        for (size_t i = 0; i < c->n; i++) {
                free(c->certificates[i].subject);
                free(c->certificates[i].issuer);
                free(c->certificates[i].provisioner);
                free(c->certificates[i].serial);
        }
        free(c->certificates);
        *c = (CertificateChainView) {};
}

static int read_chain(const gnutls_x509_crt_t *list, size_t n, CertificateChainView *ret) {
        _cleanup_certificate_chain_view_ CertificateChainView chain = {};
        int r;

        if (n == 0)
                return -EBADMSG;
        chain.certificates = calloc(n, sizeof(*chain.certificates));
        if (!chain.certificates)
                return -ENOMEM;
        chain.n = n;
        for (size_t i = 0; i < n; i++) {
                r = read_certificate(list[i], &chain.certificates[i]);
                if (r < 0)
                        return r;
        }
        *ret = TAKE_GENERIC(chain, (CertificateChainView) {});
        return 0;
}

int certificate_chain_view_from_pem(ByteView pem, CertificateChainView *ret) {
        gnutls_x509_crt_t list[CERTIFICATE_VIEW_MAX];
        unsigned n = ELEMENTSOF(list);
        int r;

        if (pem.size > CERTIFICATE_VIEW_PEM_MAX)
                return -E2BIG;
        if (pem.size == 0)
                return -EBADMSG;
        gnutls_datum_t datum = { .data = (uint8_t *) pem.data, .size = (unsigned) pem.size };
        r = gnutls_x509_crt_list_import(list, &n, &datum, GNUTLS_X509_FMT_PEM,
                                        GNUTLS_X509_CRT_LIST_IMPORT_FAIL_IF_EXCEED);
        if (r < 0)
                return gnutls_errno(r) == -ENOENT ? -EBADMSG : gnutls_errno(r);
        r = read_chain(list, (size_t) r, ret);
        for (unsigned i = 0; i < n; i++)
                gnutls_x509_crt_deinit(list[i]);
        return r;
}

void certificate_serial_short(const char *serial, char ret[static CERTIFICATE_VIEW_SERIAL_SHORT]) {
        size_t n = strlen(serial);

        if (n < CERTIFICATE_VIEW_SERIAL_SHORT)
                (void) snprintf(ret, CERTIFICATE_VIEW_SERIAL_SHORT, "%s", serial);
        else
                (void) snprintf(ret, CERTIFICATE_VIEW_SERIAL_SHORT, "%.4s...%s", serial, serial + n - 4);
}
