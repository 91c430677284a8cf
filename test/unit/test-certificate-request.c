/* SPDX-License-Identifier: MIT */
#include <gnutls/abstract.h>
#include <gnutls/x509.h>
#include <openssl/x509.h>

#include "protocol/certificate-request.h"
#include "protocol/jws.h"
#include "test.h"

/* A key in software in the TPM's stead. */
typedef struct Signer {
        gnutls_privkey_t key;
        PublicKey public;
        unsigned calls;
        int answer;        /* 0: sign */
        size_t cut;        /* bytes taken away from the signature */
} Signer;

static void signer_done(Signer *s) {
        gnutls_privkey_deinit(s->key);
}

static void copy_number(const gnutls_datum_t *from, uint8_t *to, size_t size) {
        size_t skip = from->size > size ? from->size - size : 0;

        memcpy(to + size - (from->size - skip), from->data + skip, from->size - skip);
        gnutls_free(from->data);
}

static Signer new_signer(KeyType type, unsigned bits) {
        Signer s = { .public = { .type = type, .size = (uint16_t) (bits / 8) } };
        gnutls_datum_t a, b;
        gnutls_ecc_curve_t curve;

        check_int(gnutls_privkey_init(&s.key), 0);
        if (type == KEY_TYPE_RSA) {
                s.public.exponent = 65537;
                check_int(gnutls_privkey_generate(s.key, GNUTLS_PK_RSA, bits, 0), 0);
                check_int(gnutls_privkey_export_rsa_raw(s.key, &a, &b, NULL, NULL, NULL, NULL, NULL, NULL),
                          0);
                copy_number(&a, s.public.n, s.public.size);
                gnutls_free(b.data);
        } else {
                curve = type == KEY_TYPE_P256 ? GNUTLS_ECC_CURVE_SECP256R1 : GNUTLS_ECC_CURVE_SECP384R1;
                check_int(gnutls_privkey_generate(s.key, GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS(curve), 0),
                          0);
                check_int(gnutls_privkey_export_ecc_raw(s.key, &curve, &a, &b, NULL), 0);
                copy_number(&a, s.public.x, s.public.size);
                copy_number(&b, s.public.y, s.public.size);
        }
        return s;
}

static int sign(DigestAlgorithm algorithm, ByteView digest, void *userdata, Bytes *ret) {
        Signer *s = userdata;
        gnutls_datum_t hash = { (void *) digest.data, (unsigned) digest.size }, signature;

        s->calls++;
        if (s->answer < 0)
                return s->answer;
        check_int(algorithm, s->public.type == KEY_TYPE_P384 ? DIGEST_SHA384 : DIGEST_SHA256);
        check_int(digest.size, algorithm == DIGEST_SHA384 ? 48 : 32);
        check_int(gnutls_privkey_sign_hash(
                          s->key, algorithm == DIGEST_SHA384 ? GNUTLS_DIG_SHA384 : GNUTLS_DIG_SHA256, 0,
                          &hash, &signature),
                  0);
        if (s->public.type == KEY_TYPE_RSA)
                check_int(bytes_copy(VIEW(signature.data, signature.size), ret), 0);
        else
                check_int(ecdsa_signature_to_raw(VIEW(signature.data, signature.size), s->public.size, ret),
                          0);
        ret->size -= s->cut;
        gnutls_free(signature.data);
        return 0;
}

static void check_request(const Bytes *der, const char *cn, const PublicKey *key) {
        const uint8_t *p = der->data;
        char text[128] = {};
        X509_REQ *q = d2i_X509_REQ(NULL, &p, (long) der->size);

        check(q && p == der->data + der->size);
        check_int(X509_REQ_get_version(q), 0);
        check_int(X509_REQ_verify(q, X509_REQ_get0_pubkey(q)), 1);
        if (cn) {
                check(X509_NAME_get_text_by_NID(X509_REQ_get_subject_name(q), NID_commonName, text,
                                                sizeof(text)) > 0);
                check_str(text, cn);
        }
        check_int(X509_NAME_entry_count(X509_REQ_get_subject_name(q)), cn ? 1 : 0);

        /* The key is the one that was asked for. */
        _cleanup_bytes_ Bytes spki = BYTES_NULL;
        uint8_t *out = NULL;
        check_int(public_key_to_spki(key, &spki), 0);
        int n = i2d_PUBKEY(X509_REQ_get0_pubkey(q), &out);
        check(n > 0 && view_equal(VIEW(out, n), bytes_view(&spki)));
        OPENSSL_free(out);
        X509_REQ_free(q);
}

static void test_good(KeyType type, unsigned bits) {
        _cleanup_(signer_done) Signer s = new_signer(type, bits);
        _cleanup_bytes_ Bytes named = BYTES_NULL, empty = BYTES_NULL;

        check_int(certificate_request_build(&s.public, "framework", false, sign, &s, &named), 0);
        check_int(s.calls, 1);
        check_request(&named, "framework", &s.public);
        check_int(certificate_request_build(&s.public, NULL, false, sign, &s, &empty), 0);
        check_request(&empty, NULL, &s.public);
}

static void test_permanent_identifier(void) {
        /* otherName 1.3.6.1.5.5.7.8.3 { UTF8String "framework" } in a subjectAltName */
        static const uint8_t san[] = { 0x30, 0x1b, 0xa0, 0x19, 0x06, 0x08, 0x2b, 0x06, 0x01, 0x05,
                                       0x05, 0x07, 0x08, 0x03, 0xa0, 0x0d, 0x30, 0x0b, 0x0c, 0x09,
                                       'f',  'r',  'a',  'm',  'e',  'w',  'o',  'r',  'k' };
        _cleanup_(signer_done) Signer s = new_signer(KEY_TYPE_P256, 256);
        _cleanup_bytes_ Bytes der = BYTES_NULL, without = BYTES_NULL;

        check_int(certificate_request_build(&s.public, "framework", true, sign, &s, &der), 0);
        check_request(&der, "framework", &s.public);
        check(memmem(der.data, der.size, san, sizeof(san)));
        check_int(certificate_request_build(&s.public, "framework", false, sign, &s, &without), 0);
        check(!memmem(without.data, without.size, san, sizeof(san)));
}

static void test_bad(void) {
        _cleanup_(signer_done) Signer p256 = new_signer(KEY_TYPE_P256, 256),
                                      rsa = new_signer(KEY_TYPE_RSA, 2048);
        char long_name[CERTIFICATE_REQUEST_CN_MAX + 2] = {};
        Bytes der = BYTES_NULL;

        memset(long_name, 'a', sizeof(long_name) - 1);
        check_int(certificate_request_build(&p256.public, long_name, false, sign, &p256, &der), -EINVAL);
        check_int(certificate_request_build(&p256.public, "", true, sign, &p256, &der), -EINVAL);
        check_int(p256.calls, 0);
        p256.cut = rsa.cut = 1;
        check_int(certificate_request_build(&p256.public, "x", false, sign, &p256, &der), -EBADMSG);
        check_int(certificate_request_build(&rsa.public, "x", false, sign, &rsa, &der), -EBADMSG);
        p256.answer = -ETIMEDOUT; /* the caller's own error comes back */
        check_int(certificate_request_build(&p256.public, "x", false, sign, &p256, &der), -ETIMEDOUT);
        p256.public.x[0] ^= 1; /* not on the curve */
        check(certificate_request_build(&p256.public, "x", false, sign, &p256, &der) < 0);
        check(!der.data);
}

int main(void) {
        test_good(KEY_TYPE_P256, 256);
        test_good(KEY_TYPE_P384, 384);
        test_good(KEY_TYPE_RSA, 2048);
        test_permanent_identifier();
        test_bad();
        return EXIT_SUCCESS;
}
