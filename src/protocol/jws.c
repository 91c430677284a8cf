/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "protocol/gnutls-types.h"
#include "protocol/json-value.h"
#include "protocol/jws.h"

void jws_done(Jws *j) {
        free(j->protected);
        free(j->payload);
        *j = (Jws) {};
}

static int join3(const char *a, const char *b, const char *c, char **ret) {
        size_t na = strlen(a), nb = strlen(b), nc = strlen(c);
        char *p = malloc(na + nb + nc + 1);

        if (!p)
                return -ENOMEM;
        memcpy(mempcpy(mempcpy(p, a, na), b, nb), c, nc + 1);
        *ret = p;
        return 0;
}

static int add_header_text(struct json_object *o, const char *name, const char *text) {
        return strlen(text) > JWS_HEADER_TEXT_MAX ? -E2BIG : json_add_text(o, name, text);
}

static int build_protected(const char *alg, const JwsHeader *h, const char *jwk, Bytes *ret) {
        _cleanup_json_ struct json_object *o = NULL;
        int r;

        r = json_new_object(&o);
        if (r < 0)
                return r;
        r = json_add_text(o, "alg", alg);
        if (r < 0)
                return r;
        if (h->kid)
                r = add_header_text(o, "kid", h->kid);
        else
                r = json_add(o, "jwk", json_tokener_parse(jwk));
        if (r < 0)
                return r;
        if (h->nonce) {
                r = add_header_text(o, "nonce", h->nonce);
                if (r < 0)
                        return r;
        }
        r = add_header_text(o, "url", h->url);
        if (r < 0)
                return r;
        return json_serialize(o, ret);
}

int jws_prepare(const char *alg, const JwsHeader *header, const char *jwk, ByteView payload, Jws *ret) {
        _cleanup_bytes_ Bytes protected = BYTES_NULL;
        _cleanup_jws_ Jws j = {};
        int r;

        if (!header->kid && !jwk)
                return -EINVAL;
        if (payload.size > JWS_PAYLOAD_MAX)
                return -E2BIG;
        r = build_protected(alg, header, jwk, &protected);
        if (r < 0)
                return r;
        r = base64url_encode(bytes_view(&protected), &j.protected);
        if (r < 0)
                return r;
        r = base64url_encode(payload, &j.payload);
        if (r < 0)
                return r;
        *ret = TAKE_GENERIC(j, (Jws) {});
        return 0;
}

int jws_signing_input(const Jws *j, char **ret) {
        return join3(j->protected, ".", j->payload, ret);
}

int jws_assemble(const Jws *j, ByteView signature, Bytes *ret_body) {
        _cleanup_json_ struct json_object *o = NULL;
        int r;

        r = json_new_object(&o);
        if (r < 0)
                return r;
        r = json_add_text(o, "protected", j->protected);
        if (r < 0)
                return r;
        r = json_add_text(o, "payload", j->payload);
        if (r < 0)
                return r;
        r = json_add_base64url(o, "signature", signature);
        if (r < 0)
                return r;
        return json_serialize(o, ret_body);
}

static int sign_es256(gnutls_privkey_t key, const char *input, Bytes *ret) {
        const gnutls_datum_t data = datum_of(VIEW_STR(input));
        _cleanup_datum_ gnutls_datum_t der = {};
        int r;

        if (gnutls_privkey_sign_data(key, GNUTLS_DIG_SHA256, 0, &data, &der) < 0)
                return -EIO;
        r = ecdsa_signature_to_raw(datum_view(&der), JWS_ES256_SIZE / 2, ret);
        return r == -EBADMSG ? -EIO : r;
}

int jws_sign(gnutls_privkey_t key, const JwsHeader *header, ByteView payload, Bytes *ret_body) {
        _cleanup_free_ char *jwk = NULL, *input = NULL;
        _cleanup_bytes_ Bytes signature = BYTES_NULL;
        _cleanup_jws_ Jws j = {};
        PublicKey public;
        int r;

        r = jws_public_key(key, &public);
        if (r < 0)
                return r;
        r = jws_jwk(&public, &jwk);
        if (r < 0)
                return r;
        r = jws_prepare("ES256", header, jwk, payload, &j);
        if (r < 0)
                return r;
        r = jws_signing_input(&j, &input);
        if (r < 0)
                return r;
        r = sign_es256(key, input, &signature);
        if (r < 0)
                return r;
        return jws_assemble(&j, bytes_view(&signature), ret_body);
}

int jws_external_account_binding(ByteView mac_key, const char *kid, const char *url, const char *jwk,
                                 Bytes *ret_json) {
        const JwsHeader header = { .url = url, .kid = kid };
        _cleanup_free_ char *input = NULL;
        _cleanup_jws_ Jws j = {};
        uint8_t mac[32];
        int r;

        r = jws_prepare("HS256", &header, NULL, VIEW_STR(jwk), &j);
        if (r < 0)
                return r;
        r = jws_signing_input(&j, &input);
        if (r < 0)
                return r;
        if (gnutls_hmac_fast(GNUTLS_MAC_SHA256, mac_key.data, mac_key.size, input, strlen(input), mac) < 0)
                return -EIO;
        return jws_assemble(&j, VIEW_ARRAY(mac), ret_json);
}

/* GnuTLS writes a coordinate without leading zeros, or with one more byte. */
static int copy_coordinate(const gnutls_datum_t *from, uint8_t *to, size_t size) {
        const uint8_t *p = from->data;
        size_t n = from->size;

        for (; n > 0 && *p == 0; p++)
                n--;
        if (n > size)
                return -EBADMSG;
        memset(to, 0, size - n);
        memcpy(to + size - n, p, n);
        return 0;
}

int jws_public_key(gnutls_privkey_t key, PublicKey *ret) {
        _cleanup_(gnutls_pubkey_deinitp) gnutls_pubkey_t half = NULL;
        PublicKey public = { .type = KEY_TYPE_P256, .size = 32 };
        _cleanup_datum_ gnutls_datum_t x = {}, y = {};
        gnutls_ecc_curve_t curve;
        int r;

        if (gnutls_pubkey_init(&half) < 0)
                return -ENOMEM;
        if (gnutls_pubkey_import_privkey(half, key, 0, 0) < 0 ||
            gnutls_pubkey_export_ecc_raw2(half, &curve, &x, &y, 0) < 0)
                return -ENOTSUP;
        if (curve != GNUTLS_ECC_CURVE_SECP256R1)
                return -ENOTSUP;
        r = copy_coordinate(&x, public.x, public.size);
        if (r < 0)
                return r;
        r = copy_coordinate(&y, public.y, public.size);
        if (r < 0)
                return r;
        *ret = public;
        return 0;
}

int jws_jwk(const PublicKey *key, char **ret) {
        _cleanup_free_ char *x = NULL, *y = NULL;
        char *text;
        int r;

        if (key->type != KEY_TYPE_P256)
                return -ENOTSUP;
        r = base64url_encode(VIEW(key->x, key->size), &x);
        if (r < 0)
                return r;
        r = base64url_encode(VIEW(key->y, key->size), &y);
        if (r < 0)
                return r;
        if (asprintf(&text, "{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\"%s\",\"y\":\"%s\"}", x, y) < 0)
                return -ENOMEM;
        *ret = text;
        return 0;
}

int jws_thumbprint(const PublicKey *key, char **ret) {
        _cleanup_free_ char *jwk = NULL;
        uint8_t digest[32];
        int r;

        r = jws_jwk(key, &jwk);
        if (r < 0)
                return r;
        if (gnutls_hash_fast(GNUTLS_DIG_SHA256, jwk, strlen(jwk), digest) < 0)
                return -EIO;
        return base64url_encode(VIEW_ARRAY(digest), ret);
}

int jws_key_authorization(const char *token, const PublicKey *key, char **ret) {
        _cleanup_free_ char *thumbprint = NULL;
        int r = jws_thumbprint(key, &thumbprint);

        return r < 0 ? r : join3(token, ".", thumbprint, ret);
}

int ecdsa_signature_to_raw(ByteView der, size_t size, Bytes *ret) {
        _cleanup_bytes_ Bytes raw = BYTES_NULL;
        _cleanup_datum_ gnutls_datum_t r_value = {}, s_value = {};
        const gnutls_datum_t in = datum_of(der);
        int r;

        if (der.size > UINT16_MAX || gnutls_decode_rs_value(&in, &r_value, &s_value) < 0)
                return -EBADMSG;
        raw = (Bytes) { .data = malloc(2 * size), .size = 2 * size };
        if (!raw.data)
                return -ENOMEM;
        r = copy_coordinate(&r_value, raw.data, size);
        if (r < 0)
                return r;
        r = copy_coordinate(&s_value, raw.data + size, size);
        if (r < 0)
                return r;
        *ret = TAKE_BYTES(raw);
        return 0;
}

/* Without leading zeros, which DER forbids. */
static gnutls_datum_t integer(const uint8_t *p, size_t n) {
        for (; n > 1 && *p == 0; p++)
                n--;
        return datum_of(VIEW(p, n));
}

int ecdsa_signature_from_raw(ByteView raw, Bytes *ret_der) {
        _cleanup_datum_ gnutls_datum_t out = {};
        size_t half = raw.size / 2;

        if (raw.size == 0 || raw.size % 2 != 0 || raw.size > UINT16_MAX)
                return -EBADMSG;
        const gnutls_datum_t r_value = integer(raw.data, half), s_value = integer(raw.data + half, half);
        if (gnutls_encode_rs_value(&out, &r_value, &s_value) < 0)
                return -EIO;
        return bytes_copy(datum_view(&out), ret_der);
}
