/* SPDX-License-Identifier: MIT */
#include "enroll/chain.h"

#include <gnutls/x509.h>

#include "protocol/certificate.h"
#include "protocol/utf8.h"

#define OID_SUBJECT_ALT_NAME "2.5.29.17"

void chain_done(Chain *c) {
        for (size_t i = 0; i < c->n; i++)
                bytes_done(&c->der[i]);
        c->n = 0;
}

static void crtp(gnutls_x509_crt_t *c) {
        if (*c)
                gnutls_x509_crt_deinit(*c);
}
#define _cleanup_crt_ _cleanup_(crtp)

/* gnutls_malloc'd bytes. */
static void datump(gnutls_datum_t *d) {
        gnutls_free(d->data);
}
#define _cleanup_datum_ _cleanup_(datump)

static int gnutls_errno(int r) {
        return r >= 0 ? 0 : r == GNUTLS_E_MEMORY_ERROR ? -ENOMEM : -EBADMSG;
}

static int import(ByteView der, gnutls_x509_crt_t *ret) {
        _cleanup_crt_ gnutls_x509_crt_t crt = NULL;
        gnutls_datum_t datum = { .data = (unsigned char *) der.data, .size = (unsigned) der.size };

        if (der.size > CHAIN_CERTIFICATE_MAX)
                return -EBADMSG;
        int r = gnutls_x509_crt_init(&crt);
        if (r >= 0)
                r = gnutls_x509_crt_import(crt, &datum, GNUTLS_X509_FMT_DER);
        if (r < 0)
                return gnutls_errno(r);
        *ret = TAKE_PTR(crt);
        return 0;
}

static int chain_add(Chain *c, ByteView der) {
        _cleanup_crt_ gnutls_x509_crt_t crt = NULL;

        if (c->n == CHAIN_CERTIFICATES_MAX)
                return -EBADMSG;
        int r = import(der, &crt);
        if (r >= 0)
                r = bytes_copy(der, &c->der[c->n]);
        if (r >= 0)
                c->n++;
        return r;
}

int chain_from_der(const Bytes *der, size_t n, Chain *ret) {
        _cleanup_chain_ Chain c = {};

        if (n == 0)
                return -EBADMSG;
        for (size_t i = 0; i < n; i++) {
                int r = chain_add(&c, bytes_view(&der[i]));
                if (r < 0)
                        return r;
        }
        *ret = TAKE_GENERIC(c, (Chain) {});
        return 0;
}

static int chain_add_crt(Chain *c, gnutls_x509_crt_t crt) {
        _cleanup_datum_ gnutls_datum_t der = {};

        int r = gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_DER, &der);
        return r < 0 ? gnutls_errno(r) : chain_add(c, VIEW(der.data, der.size));
}

int chain_from_pem(ByteView pem, Chain *ret) {
        gnutls_datum_t datum = { .data = (unsigned char *) pem.data, .size = (unsigned) pem.size };
        _cleanup_chain_ Chain c = {};
        gnutls_x509_crt_t *list = NULL;
        unsigned n = 0;

        int r = gnutls_x509_crt_list_import2(&list, &n, &datum, GNUTLS_X509_FMT_PEM, 0);
        if (r < 0)
                return gnutls_errno(r);
        r = n > 0 ? 0 : -EBADMSG;
        for (unsigned i = 0; i < n; i++) {
                if (r >= 0)
                        r = chain_add_crt(&c, list[i]);
                gnutls_x509_crt_deinit(list[i]);
        }
        gnutls_free(list);
        if (r < 0)
                return r;
        *ret = TAKE_GENERIC(c, (Chain) {});
        return 0;
}

int chain_to_pem(const Chain *c, Bytes *ret) {
        /* base64 of CHAIN_CERTIFICATE_MAX with line breaks and frame */
        size_t capacity = c->n * (2U * CHAIN_CERTIFICATE_MAX);
        _cleanup_free_ uint8_t *buffer = malloc(capacity > 0 ? capacity : 1);
        if (!buffer)
                return -ENOMEM;
        ByteWriter w = WRITER(buffer, capacity);

        for (size_t i = 0; i < c->n; i++) {
                _cleanup_datum_ gnutls_datum_t pem = {};
                gnutls_datum_t der = { .data = c->der[i].data, .size = (unsigned) c->der[i].size };
                int r = gnutls_pem_base64_encode2("CERTIFICATE", &der, &pem);
                if (r < 0)
                        return gnutls_errno(r);
                write_bytes(&w, pem.data, pem.size);
        }
        return w.failed ? -E2BIG : bytes_copy(writer_view(&w), ret);
}

/* --- One certificate --- */

int certificate_key(ByteView der, PublicKey *ret) {
        CertificateParts parts;

        int r = certificate_parts(der, &parts);
        return r < 0 ? r : public_key_from_spki(parts.spki, ret);
}

int certificate_issuer(ByteView der, char ret[static CERTIFICATE_TEXT_MAX]) {
        CertificateParts parts;

        int r = certificate_parts(der, &parts);
        if (r < 0)
                return r;
        certificate_issuer_text(&parts, ret, CERTIFICATE_TEXT_MAX);
        return 0;
}

static ByteReader reader_of(ByteReader *outer, uint8_t identifier) {
        ByteView content = read_der_as(outer, identifier);
        return READER(content);
}

/* otherName { OID, [0] SEQUENCE { identifierValue UTF8String OPTIONAL, … } } */
static void add_name(ByteView other_name, CertificateNames *names) {
        static const uint8_t oid[] = { 0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x08, 0x03 }; /* 1.3.6.1.5.5.7.8.3 */
        ByteReader outer = READER(other_name);

        if (!view_equal(read_der_as(&outer, DER_OID), VIEW_ARRAY(oid)))
                return;
        ByteReader value = reader_of(&outer, DER_CONTEXT_CONSTRUCTED(0));
        ByteReader sequence = reader_of(&value, DER_SEQUENCE);
        ByteView text = read_der_as(&sequence, DER_UTF8_STRING);

        if (sequence.failed || text.size == 0 || text.size >= CERTIFICATE_NAME_MAX || !utf8_valid(text) ||
            memchr(text.data, 0, text.size) || names->n == CERTIFICATE_NAMES_MAX)
                return;
        memcpy(names->names[names->n], text.data, text.size);
        names->names[names->n++][text.size] = 0;
}

int certificate_names(ByteView der, CertificateNames *ret) {
        _cleanup_crt_ gnutls_x509_crt_t crt = NULL;
        _cleanup_datum_ gnutls_datum_t san = {};
        unsigned critical;

        *ret = (CertificateNames) {};
        int r = import(der, &crt);
        if (r < 0)
                return r;
        r = gnutls_x509_crt_get_extension_by_oid2(crt, OID_SUBJECT_ALT_NAME, 0, &san, &critical);
        if (r == GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE)
                return 0;
        if (r < 0)
                return gnutls_errno(r);

        ByteReader outer = READER(VIEW(san.data, san.size));
        ByteReader names = reader_of(&outer, DER_SEQUENCE);
        while (names.left > 0 && !names.failed) {
                DerElement e = read_der(&names);
                if (e.identifier == DER_CONTEXT_CONSTRUCTED(0))
                        add_name(e.content, ret);
        }
        return names.failed ? -EBADMSG : 0;
}

static int common_name_is(ByteView der, const char *name, bool *ret) {
        _cleanup_crt_ gnutls_x509_crt_t crt = NULL;
        char cn[CERTIFICATE_NAME_MAX];
        size_t size = sizeof(cn);

        int r = import(der, &crt);
        if (r < 0)
                return r;
        r = gnutls_x509_crt_get_dn_by_oid(crt, GNUTLS_OID_X520_COMMON_NAME, 0, 0, cn, &size);
        *ret = r >= 0 && size == strlen(name) && memcmp(cn, name, size) == 0;
        return 0;
}

int certificate_has_name(ByteView der, const char *name, bool *ret) {
        CertificateNames names;

        int r = certificate_names(der, &names);
        if (r < 0)
                return r;
        for (size_t i = 0; i < names.n; i++)
                if (strcmp(names.names[i], name) == 0) {
                        *ret = true;
                        return 0;
                }
        return common_name_is(der, name, ret);
}
