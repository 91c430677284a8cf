/* SPDX-License-Identifier: MIT */
#include "protocol/pkcs11-certificate.h"

#include "protocol/gnutls-types.h"
#include "protocol/utc-time.h"

void pkcs11_certificate_done(Pkcs11Certificate *c) {
        bytes_done(&c->der);
        *c = (Pkcs11Certificate) {};
}

static int digest(ByteView v, const EVP_MD *md, uint8_t *ret) {
        return EVP_Digest(v.data, v.size, ret, NULL, md, NULL) == 1 ? 0 : -EIO;
}

static int read_serial(ByteView tbs, ByteView *ret) {
        ByteReader r = READER(tbs), fields = read_der_inside(&r, DER_SEQUENCE);

        if (der_next_is(&fields, DER_CONTEXT_CONSTRUCTED(0))) /* version */
                (void) read_der(&fields);
        DerElement serial = read_der(&fields);
        if (fields.failed || serial.identifier != DER_INTEGER)
                return -EBADMSG;
        *ret = serial.whole;
        return 0;
}

static int read_id(gnutls_x509_crt_t crt, Pkcs11Certificate *c) {
        size_t n = sizeof(c->id);

        if (gnutls_x509_crt_get_subject_key_id(crt, c->id, &n, NULL) >= 0 && n > 0) {
                c->id_size = n;
                return 0;
        }

        ByteReader outer = READER(c->parts.spki), spki = read_der_inside(&outer, DER_SEQUENCE);
        (void) read_der_as(&spki, DER_SEQUENCE); /* algorithm */
        ByteReader bits = read_der_inside(&spki, DER_BIT_STRING);
        (void) read_u8(&bits); /* unused bits */
        if (bits.failed)
                return -EBADMSG;
        memset(c->id, 0, sizeof(c->id));
        c->id_size = 20;
        return digest(VIEW(bits.at, bits.left), EVP_sha1(), c->id);
}

static void write_date(int64_t t, char ret[static PKCS11_DATE_SIZE]) {
        char text[RFC3339_SIZE]; /* 2026-11-23T… */

        if (rfc3339_format(t, text) < 0)
                return;
        memcpy(ret, text, 4);
        memcpy(ret + 4, text + 5, 2);
        memcpy(ret + 6, text + 8, 2);
}

static int read_fields(gnutls_x509_crt_t crt, Pkcs11Certificate *c) {
        time_t from = gnutls_x509_crt_get_activation_time(crt), to = gnutls_x509_crt_get_expiration_time(crt);
        int r;

        if (certificate_parts(bytes_view(&c->der), &c->parts) < 0 || to == (time_t) -1)
                return -EBADMSG;
        write_date(from, c->start);
        write_date(to, c->end);
        c->not_after = to;
        if (public_key_from_spki(c->parts.spki, &c->key) < 0)
                c->key = (PublicKey) {};
        if ((r = read_serial(c->parts.tbs, &c->serial)) < 0 ||
            (r = read_id(crt, c)) < 0 ||
            (r = digest(bytes_view(&c->der), EVP_sha1(), c->sha1)) < 0)
                return r;
        return digest(bytes_view(&c->der), EVP_sha256(), c->sha256);
}

int pkcs11_certificate_read(gnutls_x509_crt_t crt, Pkcs11Certificate *ret) {
        _cleanup_pkcs11_certificate_ Pkcs11Certificate c = {};
        _cleanup_datum_ gnutls_datum_t der = {};
        int r;

        if (gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_DER, &der) < 0)
                return -EBADMSG;
        if (der.size > PKCS11_CERTIFICATE_MAX)
                return -E2BIG;
        r = bytes_copy(datum_view(&der), &c.der);
        if (r < 0)
                return r;
        r = read_fields(crt, &c);
        if (r < 0)
                return r;
        *ret = TAKE_GENERIC(c, (Pkcs11Certificate) {});
        return 0;
}
