/* SPDX-License-Identifier: MIT */
/* SubjectPublicKeyInfo to PublicKey and back, with libcrypto's ASN.1 templates: no EVP_PKEY is made, because
 * its decoders cost ten times as much and do not know rsaesOaep. */
#include <openssl/asn1.h>
#include <openssl/objects.h>
#include <openssl/x509.h>

#include "protocol/public-key.h"

#define EXPONENT_SIZE 4U

static void sequence_free(ASN1_SEQUENCE_ANY *s) {
        sk_ASN1_TYPE_pop_free(s, ASN1_TYPE_free);
}

static void octets_free(uint8_t *p) {
        OPENSSL_free(p);
}

DEFINE_TRIVIAL_CLEANUP_FUNC(ASN1_SEQUENCE_ANY *, sequence_free);
DEFINE_TRIVIAL_CLEANUP_FUNC(ASN1_TYPE *, ASN1_TYPE_free);
DEFINE_TRIVIAL_CLEANUP_FUNC(ASN1_INTEGER *, ASN1_INTEGER_free);
DEFINE_TRIVIAL_CLEANUP_FUNC(ASN1_STRING *, ASN1_STRING_free);
DEFINE_TRIVIAL_CLEANUP_FUNC(X509_ALGOR *, X509_ALGOR_free);
DEFINE_TRIVIAL_CLEANUP_FUNC(X509_PUBKEY *, X509_PUBKEY_free);
DEFINE_TRIVIAL_CLEANUP_FUNC(uint8_t *, octets_free);

/* Exactly n elements, nothing after them. */
static ASN1_SEQUENCE_ANY *sequence_decode(const uint8_t *der, size_t size, int n) {
        _cleanup_(sequence_freep) ASN1_SEQUENCE_ANY *s = NULL;
        const uint8_t *p = der;

        if (size > PUBLIC_KEY_SPKI_SIZE_MAX)
                return NULL;
        s = d2i_ASN1_SEQUENCE_ANY(NULL, &p, (long) size);
        if (!s || p != der + size || sk_ASN1_TYPE_num(s) != n)
                return NULL;
        return TAKE_PTR(s);
}

static int append_integer(ASN1_SEQUENCE_ANY *s, const uint8_t *p, size_t n) {
        _cleanup_(ASN1_TYPE_freep) ASN1_TYPE *t = ASN1_TYPE_new();
        _cleanup_(ASN1_INTEGER_freep) ASN1_INTEGER *integer = ASN1_INTEGER_new();

        /* Minimal, as X.690 section 8.3 wants it; libcrypto adds the zero before a high bit. */
        while (n > 1 && p[0] == 0) {
                p++;
                n--;
        }
        if (!t || !integer || ASN1_STRING_set(integer, p, (int) n) != 1)
                return -ENOMEM;
        ASN1_TYPE_set(t, V_ASN1_INTEGER, TAKE_PTR(integer));
        if (sk_ASN1_TYPE_push(s, t) <= 0)
                return -ENOMEM;
        (void) TAKE_PTR(t);
        return 0;
}

/* RSAPublicKey, RFC 8017 appendix A.1.1. Returns the size, to be freed by libcrypto. */
static int rsa_encode(const PublicKey *k, uint8_t **ret) {
        _cleanup_(sequence_freep) ASN1_SEQUENCE_ANY *s = sk_ASN1_TYPE_new_null();
        uint8_t exponent[EXPONENT_SIZE];
        ByteWriter w = WRITER(exponent, sizeof(exponent));
        uint8_t *der = NULL;

        write_u32(&w, k->exponent);
        if (!s || append_integer(s, k->n, k->size) < 0 || append_integer(s, exponent, sizeof(exponent)) < 0)
                return -ENOMEM;

        int n = i2d_ASN1_SEQUENCE_ANY(s, &der);
        if (n < 0)
                return -ENOMEM;
        *ret = der;
        return n;
}

/* ECPoint, RFC 5480 section 2.2. */
static int ec_encode(const PublicKey *k, uint8_t **ret) {
        size_t n = 1 + 2 * (size_t) k->size;
        uint8_t *p = OPENSSL_malloc(n);

        if (!p)
                return -ENOMEM;
        p[0] = 4; /* uncompressed */
        memcpy(p + 1, k->x, k->size);
        memcpy(p + 1 + k->size, k->y, k->size);
        *ret = p;
        return (int) n;
}

/* parameter is not consumed. */
static int algorithm_set(X509_PUBKEY *x, const ASN1_OBJECT *algorithm, int parameter_type, const void *parameter,
                         uint8_t **octets, int n) {
        _cleanup_(ASN1_STRING_freep) ASN1_STRING *copy = NULL;
        void *value = NULL;

        if (parameter_type == V_ASN1_OBJECT)
                value = (void *) parameter; /* from libcrypto's table, freeing it does nothing */
        else if (parameter_type != V_ASN1_NULL && parameter_type != V_ASN1_UNDEF) {
                copy = ASN1_STRING_dup(parameter);
                if (!copy)
                        return -ENOMEM;
                value = copy;
        }
        if (X509_PUBKEY_set0_param(x, OBJ_dup(algorithm), parameter_type, value, *octets, n) != 1)
                return -ENOMEM;
        (void) TAKE_PTR(copy);
        (void) TAKE_PTR(*octets);
        return 0;
}

static int spki_encode(const PublicKey *k, const ASN1_OBJECT *algorithm, int parameter_type,
                       const void *parameter, Bytes *ret) {
        _cleanup_(X509_PUBKEY_freep) X509_PUBKEY *x = X509_PUBKEY_new();
        _cleanup_(octets_freep) uint8_t *octets = NULL, *der = NULL;
        int n, r;

        if (!x)
                return -ENOMEM;
        n = k->type == KEY_TYPE_RSA ? rsa_encode(k, &octets) : ec_encode(k, &octets);
        if (n < 0)
                return n;
        r = algorithm_set(x, algorithm, parameter_type, parameter, &octets, n);
        if (r < 0)
                return r;
        n = i2d_X509_PUBKEY(x, &der);
        if (n < 0)
                return -ENOMEM;
        return bytes_copy(VIEW(der, n), ret);
}

int public_key_to_spki(const PublicKey *k, Bytes *ret) {
        switch (k->type) {
        case KEY_TYPE_RSA:
                if (k->size > sizeof(k->n))
                        return -EINVAL;
                return spki_encode(k, OBJ_nid2obj(NID_rsaEncryption), V_ASN1_NULL, NULL, ret);
        case KEY_TYPE_P256:
        case KEY_TYPE_P384:
                if (k->size > sizeof(k->x))
                        return -EINVAL;
                return spki_encode(k, OBJ_nid2obj(NID_X9_62_id_ecPublicKey), V_ASN1_OBJECT,
                                   OBJ_nid2obj(k->type == KEY_TYPE_P256 ? NID_X9_62_prime256v1 : NID_secp384r1), ret);
        default:
                return -EINVAL;
        }
}

/* Big-endian, without leading zeros. */
static int integer_decode(const ASN1_TYPE *t, ByteView *ret) {
        if (ASN1_TYPE_get(t) != V_ASN1_INTEGER)
                return -EINVAL; /* a negative one has a type of its own */

        const ASN1_INTEGER *i = t->value.integer;
        *ret = VIEW(ASN1_STRING_get0_data(i), ASN1_STRING_length(i));
        return 0;
}

static int rsa_decode(const uint8_t *octets, size_t size, PublicKey *ret) {
        _cleanup_(sequence_freep) ASN1_SEQUENCE_ANY *s = sequence_decode(octets, size, 2);
        PublicKey k = { .type = KEY_TYPE_RSA };
        ByteView n, e;

        if (!s || integer_decode(sk_ASN1_TYPE_value(s, 0), &n) < 0 || integer_decode(sk_ASN1_TYPE_value(s, 1), &e) < 0)
                return -EINVAL;
        if (n.size > sizeof(k.n) || e.size > EXPONENT_SIZE)
                return -ENOTSUP;
        memcpy(k.n, n.data, n.size);
        k.size = (uint16_t) n.size;
        for (size_t i = 0; i < e.size; i++)
                k.exponent = k.exponent << 8 | e.data[i];
        if (!public_key_valid(&k))
                return k.size == 2048 / 8 || k.size == 3072 / 8 || k.size == 4096 / 8 ? -EINVAL : -ENOTSUP;
        *ret = k;
        return 0;
}

static int ec_decode(const ASN1_OBJECT *curve, const uint8_t *octets, size_t size, PublicKey *ret) {
        PublicKey k = {};

        switch (OBJ_obj2nid(curve)) {
        case NID_X9_62_prime256v1:
                k.type = KEY_TYPE_P256;
                k.size = 32;
                break;
        case NID_secp384r1:
                k.type = KEY_TYPE_P384;
                k.size = 48;
                break;
        default:
                return -ENOTSUP;
        }
        if (size != 1 + 2 * (size_t) k.size || octets[0] != 4)
                return -EINVAL;
        memcpy(k.x, octets + 1, k.size);
        memcpy(k.y, octets + 1 + k.size, k.size);
        if (!public_key_valid(&k))
                return -EINVAL;
        *ret = k;
        return 0;
}

static int key_decode(const X509_ALGOR *algorithm, const uint8_t *octets, size_t size, PublicKey *ret) {
        const ASN1_OBJECT *object = NULL;
        const void *parameter = NULL;
        int type = 0;

        X509_ALGOR_get0(&object, &type, &parameter, algorithm);
        switch (OBJ_obj2nid(object)) {
        case NID_rsaEncryption:
                return rsa_decode(octets, size, ret);
        case NID_rsaesOaep:
                if (type != V_ASN1_SEQUENCE && type != V_ASN1_NULL && type != V_ASN1_UNDEF)
                        return -EINVAL;
                return rsa_decode(octets, size, ret);
        case NID_X9_62_id_ecPublicKey:
                if (type != V_ASN1_OBJECT)
                        return type == V_ASN1_SEQUENCE ? -ENOTSUP : -EINVAL; /* explicit parameters */
                return ec_decode(parameter, octets, size, ret);
        default:
                return -ENOTSUP;
        }
}

static int algorithm_decode(const ASN1_TYPE *t, X509_ALGOR **ret) {
        if (ASN1_TYPE_get(t) != V_ASN1_SEQUENCE)
                return -EINVAL;

        const uint8_t *p = ASN1_STRING_get0_data(t->value.sequence), *end = p + ASN1_STRING_length(t->value.sequence);
        _cleanup_(X509_ALGOR_freep) X509_ALGOR *a = d2i_X509_ALGOR(NULL, &p, end - p);
        if (!a || p != end)
                return -EINVAL;
        *ret = TAKE_PTR(a);
        return 0;
}

/* libcrypto reads BER as well: what it understood, written again, must be what came. */
static int check_canonical(const PublicKey *k, const X509_ALGOR *algorithm, ByteView spki) {
        _cleanup_bytes_ Bytes again = BYTES_NULL;
        const ASN1_OBJECT *object = NULL;
        const void *parameter = NULL;
        int type = 0, r;

        X509_ALGOR_get0(&object, &type, &parameter, algorithm);
        r = OBJ_obj2nid(object) == NID_rsaesOaep ? spki_encode(k, object, type, parameter, &again) :
                                                   public_key_to_spki(k, &again);
        if (r < 0)
                return r;
        return view_equal(bytes_view(&again), spki) ? 0 : -EINVAL;
}

int public_key_from_spki(ByteView spki, PublicKey *ret) {
        _cleanup_(sequence_freep) ASN1_SEQUENCE_ANY *s = sequence_decode(spki.data, spki.size, 2);
        _cleanup_(X509_ALGOR_freep) X509_ALGOR *algorithm = NULL;
        PublicKey k;

        if (!s)
                return -EINVAL;

        int r = algorithm_decode(sk_ASN1_TYPE_value(s, 0), &algorithm);
        if (r < 0)
                return r;

        const ASN1_TYPE *bits = sk_ASN1_TYPE_value(s, 1);
        if (ASN1_TYPE_get(bits) != V_ASN1_BIT_STRING)
                return -EINVAL;
        r = key_decode(algorithm, ASN1_STRING_get0_data(bits->value.bit_string),
                       (size_t) ASN1_STRING_length(bits->value.bit_string), &k);
        if (r < 0)
                return r;
        r = check_canonical(&k, algorithm, spki);
        if (r < 0)
                return r;
        *ret = k;
        return 0;
}
