/* SPDX-License-Identifier: MIT */
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/objects.h>

#include "protocol/public-key.h"

#define POINT_SIZE_MAX (1 + 2 * PUBLIC_KEY_EC_SIZE_MAX)

static int key_curve(KeyType type) {
        switch (type) {
        case KEY_TYPE_P256:
                return NID_X9_62_prime256v1;
        case KEY_TYPE_P384:
                return NID_secp384r1;
        default:
                return NID_undef;
        }
}

static bool is_zero(const uint8_t *p, size_t n) {
        uint8_t bits = 0;

        for (size_t i = 0; i < n; i++)
                bits |= p[i];
        return bits == 0;
}

bool public_key_equal(const PublicKey *a, const PublicKey *b) {
        if (a->type != b->type || a->size != b->size || a->exponent != b->exponent)
                return false;
        switch (a->type) {
        case KEY_TYPE_RSA:
                return a->size <= sizeof(a->n) && memcmp(a->n, b->n, a->size) == 0;
        case KEY_TYPE_P256:
        case KEY_TYPE_P384:
                return a->size <= sizeof(a->x) && memcmp(a->x, b->x, a->size) == 0 &&
                       memcmp(a->y, b->y, a->size) == 0;
        default:
                return false;
        }
}

static bool rsa_valid(const PublicKey *k) {
        if (k->size != 2048 / 8 && k->size != 3072 / 8 && k->size != 4096 / 8)
                return false;
        if (k->exponent < 65537 || k->exponent % 2 == 0)
                return false;
        if ((k->n[0] & 0x80) == 0 || k->n[k->size - 1] % 2 == 0)
                return false;
        return is_zero(k->n + k->size, sizeof(k->n) - k->size);
}

/* SEC 1, section 2.3.3, uncompressed. Returns the size. */
static size_t point_encode(const PublicKey *k, uint8_t ret[static POINT_SIZE_MAX]) {
        ret[0] = POINT_CONVERSION_UNCOMPRESSED;
        memcpy(ret + 1, k->x, k->size);
        memcpy(ret + 1 + k->size, k->y, k->size);
        return 1 + 2 * (size_t) k->size;
}

DEFINE_TRIVIAL_CLEANUP_FUNC(EC_GROUP *, EC_GROUP_free);
DEFINE_TRIVIAL_CLEANUP_FUNC(EC_POINT *, EC_POINT_free);

/* The curves have cofactor 1: a point on the curve, not infinity (which has no uncompressed form), is in the
 * right group. */
static bool ec_valid(const PublicKey *k) {
        if (k->size != (k->type == KEY_TYPE_P256 ? 32 : 48) || k->exponent != 0)
                return false;
        if (!is_zero(k->x + k->size, sizeof(k->x) - k->size) || !is_zero(k->y + k->size, sizeof(k->y) - k->size))
                return false;

        uint8_t octets[POINT_SIZE_MAX];
        size_t n = point_encode(k, octets);
        _cleanup_(EC_GROUP_freep) EC_GROUP *group = EC_GROUP_new_by_curve_name(key_curve(k->type));
        _cleanup_(EC_POINT_freep) EC_POINT *point = group ? EC_POINT_new(group) : NULL;
        return point && EC_POINT_oct2point(group, point, octets, n, NULL) == 1;
}

bool public_key_valid(const PublicKey *k) {
        switch (k->type) {
        case KEY_TYPE_RSA:
                return rsa_valid(k);
        case KEY_TYPE_P256:
        case KEY_TYPE_P384:
                return ec_valid(k);
        default:
                return false;
        }
}

int public_key_hash(const PublicKey *k, uint8_t ret[static 32]) {
        _cleanup_bytes_ Bytes spki = BYTES_NULL;
        uint8_t digest[EVP_MAX_MD_SIZE];

        int r = public_key_to_spki(k, &spki);
        if (r < 0)
                return r;
        if (EVP_Digest(spki.data, spki.size, digest, NULL, EVP_sha256(), NULL) != 1)
                return -EIO;
        memcpy(ret, digest, 32);
        return 0;
}

const char *public_key_to_string(const PublicKey *k) {
        switch (k->type) {
        case KEY_TYPE_RSA:
                return k->size == 2048 / 8 ? "RSA 2048" :
                       k->size == 3072 / 8 ? "RSA 3072" :
                       k->size == 4096 / 8 ? "RSA 4096" : "RSA";
        case KEY_TYPE_P256:
                return "ECDSA P-256";
        case KEY_TYPE_P384:
                return "ECDSA P-384";
        default:
                return "unknown key";
        }
}
