/* SPDX-License-Identifier: MIT */
#include <gnutls/crypto.h>

#include "protocol/json-value.h"
#include "protocol/jws.h"
#include "test.h"

/* The EC key of RFC 7515, A.3. */
#define X "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"
#define Y "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"
#define D "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"
#define JWK "{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\"" X "\",\"y\":\"" Y "\"}"

static Bytes unbase64url(const char *text) {
        Bytes b = BYTES_NULL;

        check_int(base64url_decode(text, strlen(text), 4096, &b), 0);
        return b;
}

static PublicKey rfc_key(void) {
        PublicKey k = { .type = KEY_TYPE_P256, .size = 32 };
        _cleanup_bytes_ Bytes x = unbase64url(X), y = unbase64url(Y);

        memcpy(k.x, x.data, 32);
        memcpy(k.y, y.data, 32);
        return k;
}

static gnutls_privkey_t rfc_private_key(void) {
        _cleanup_bytes_ Bytes x = unbase64url(X), y = unbase64url(Y), d = unbase64url(D);
        gnutls_datum_t dx = { x.data, 32 }, dy = { y.data, 32 }, dd = { d.data, 32 };
        gnutls_privkey_t key;

        check_int(gnutls_privkey_init(&key), 0);
        check_int(gnutls_privkey_import_ecc_raw(key, GNUTLS_ECC_CURVE_SECP256R1, &dx, &dy, &dd), 0);
        return key;
}

static void test_thumbprint(void) {
        _cleanup_free_ char *jwk = NULL, *thumbprint = NULL, *authorization = NULL;
        PublicKey k = rfc_key(), p384 = { .type = KEY_TYPE_P384, .size = 48 };
        uint8_t digest[32];

        check_int(jws_jwk(&k, &jwk), 0);
        check_str(jwk, JWK);
        check_int(jws_thumbprint(&k, &thumbprint), 0);
        check_str(thumbprint, "oKIywvGUpTVTyxMQ3bwIIeQUudfr_CkLMjCE19ECD-U");
        check_int(jws_key_authorization("ABCDEFGHIJKLMNOPQRSTUVWXYZ012345", &k, &authorization), 0);
        check_str(authorization,
                  "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345.oKIywvGUpTVTyxMQ3bwIIeQUudfr_CkLMjCE19ECD-U");
        check_int(gnutls_hash_fast(GNUTLS_DIG_SHA256, authorization, strlen(authorization), digest), 0);
        check_hex(VIEW_ARRAY(digest), "0c309e29505b58c454e382db499fd357f86fddf51d7b6564407d8118ddbd164a");

        char *untouched = NULL;
        check_int(jws_thumbprint(&p384, &untouched), -ENOTSUP);
        check_int(jws_jwk(&(PublicKey) {}, &untouched), -ENOTSUP);
        check(!untouched);
}

static void test_prepare(void) {
        const JwsHeader with_jwk = { .url = "https://h/new-account", .nonce = "n-1" };
        const JwsHeader with_kid = { .url = "https://h/order/1",
                                     .nonce = "n-2",
                                     .kid = "https://h/account/1" };
        _cleanup_jws_ Jws a = {}, b = {};
        _cleanup_bytes_ Bytes protected = BYTES_NULL, body = BYTES_NULL;
        _cleanup_free_ char *input = NULL;

        check_int(jws_prepare("ES256", &with_jwk, JWK, VIEW_STR("{}"), &a), 0);
        protected = unbase64url(a.protected);
        check_str((const char *) protected.data,
                  "{\"alg\":\"ES256\",\"jwk\":" JWK ",\"nonce\":\"n-1\",\"url\":\"https://h/new-account\"}");
        check_str(a.payload, "e30");
        bytes_done(&protected);

        check_int(jws_prepare("ES256", &with_kid, JWK, VIEW_NULL, &b), 0); /* POST-as-GET */
        protected = unbase64url(b.protected);
        check_str((const char *) protected.data,
                  "{\"alg\":\"ES256\",\"kid\":\"https://h/account/1\",\"nonce\":\"n-2\","
                  "\"url\":\"https://h/order/1\"}");
        check_str(b.payload, "");

        Jws fixed = { .protected = (char *) "cA", .payload = (char *) "e30" };
        check_int(jws_signing_input(&fixed, &input), 0);
        check_str(input, "cA.e30");
        check_int(jws_assemble(&fixed, VIEW("\xfb\xff", 2), &body), 0);
        check_str((const char *) body.data,
                  "{\"protected\":\"cA\",\"payload\":\"e30\",\"signature\":\"-_8\"}");
}

static void test_prepare_bad(void) {
        static uint8_t big[JWS_PAYLOAD_MAX + 1];
        char long_text[JWS_HEADER_TEXT_MAX + 2] = {};
        Jws j = {};

        memset(long_text, 'a', sizeof(long_text) - 1);
        check_int(jws_prepare("ES256", &(JwsHeader) { .url = "u" }, NULL, VIEW_NULL, &j), -EINVAL);
        check_int(jws_prepare("ES256", &(JwsHeader){ .url = "u", .kid = "k" }, NULL, VIEW_ARRAY(big), &j),
                  -E2BIG);
        check_int(jws_prepare("ES256", &(JwsHeader){ .url = long_text, .kid = "k" }, NULL, VIEW_NULL, &j),
                  -E2BIG);
        check_int(jws_prepare("ES256", &(JwsHeader){ .url = "u", .kid = long_text }, NULL, VIEW_NULL, &j),
                  -E2BIG);
        check_int(jws_prepare("ES256", &(JwsHeader){ .url = "u", .kid = "\xff" }, NULL, VIEW_NULL, &j),
                  -EINVAL);
        check(!j.protected && !j.payload);
}

static char *member_text(struct json_object *o, const char *name) {
        char *text = NULL;

        check_int(json_member_text(o, name, 4096, &text), 0);
        return text;
}

static void test_sign(void) {
        const JwsHeader header = { .url = "https://h/x", .nonce = "n", .kid = "https://h/account/1" };
        _cleanup_bytes_ Bytes body = BYTES_NULL, signature = BYTES_NULL, der = BYTES_NULL;
        _cleanup_json_ struct json_object *o = NULL;
        gnutls_privkey_t key = rfc_private_key();
        gnutls_pubkey_t half;
        PublicKey public, expected = rfc_key();

        check_int(jws_public_key(key, &public), 0);
        check(memcmp(public.x, expected.x, 32) == 0 && memcmp(public.y, expected.y, 32) == 0);

        check_int(jws_sign(key, &header, VIEW_STR("payload"), &body), 0);
        check_int(json_parse_strict(bytes_view(&body), 1, &o), 0);
        _cleanup_free_ char *protected = member_text(o, "protected"), *payload = member_text(o, "payload");
        Jws j = { .protected = protected, .payload = payload };
        _cleanup_free_ char *input = NULL;
        check_int(jws_signing_input(&j, &input), 0);
        check_int(json_member_base64url(o, "signature", JWS_ES256_SIZE, &signature), 0);
        check_int(signature.size, JWS_ES256_SIZE);

        check_int(ecdsa_signature_from_raw(bytes_view(&signature), &der), 0);
        gnutls_datum_t data = { (void *) input, (unsigned) strlen(input) },
                       sig = { der.data, (unsigned) der.size };
        check_int(gnutls_pubkey_init(&half), 0);
        check_int(gnutls_pubkey_import_privkey(half, key, 0, 0), 0);
        check(gnutls_pubkey_verify_data2(half, GNUTLS_SIGN_ECDSA_SHA256, 0, &data, &sig) >= 0);
        data.size--;
        check(gnutls_pubkey_verify_data2(half, GNUTLS_SIGN_ECDSA_SHA256, 0, &data, &sig) < 0);
        gnutls_pubkey_deinit(half);
        gnutls_privkey_deinit(key);
}

static void test_sign_other_key(void) {
        const JwsHeader header = { .url = "https://h/x", .kid = "k" };
        gnutls_privkey_t key;
        Bytes body = BYTES_NULL;

        check_int(gnutls_privkey_init(&key), 0);
        check_int(gnutls_privkey_generate(key, GNUTLS_PK_ECDSA,
                                          GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP384R1), 0), 0);
        check_int(jws_sign(key, &header, VIEW_NULL, &body), -ENOTSUP);
        check(!body.data);
        gnutls_privkey_deinit(key);
}

/* HMAC checked against another implementation (openssl dgst -mac HMAC). */
static void test_external_account_binding(void) {
        _cleanup_bytes_ Bytes body = BYTES_NULL, mac = BYTES_NULL;
        _cleanup_json_ struct json_object *o = NULL;

        check_int(jws_external_account_binding(VIEW_STR("0123456789abcdef0123456789abcdef"), "kid-1",
                                               "https://h/new-account", JWK, &body), 0);
        check_int(json_parse_strict(bytes_view(&body), 1, &o), 0);
        _cleanup_free_ char *protected = member_text(o, "protected"), *payload = member_text(o, "payload");
        _cleanup_bytes_ Bytes p = unbase64url(protected), q = unbase64url(payload);
        check_str((const char *) p.data,
                  "{\"alg\":\"HS256\",\"kid\":\"kid-1\",\"url\":\"https://h/new-account\"}");
        check_str((const char *) q.data, JWK);
        check_int(json_member_base64url(o, "signature", 32, &mac), 0);
        check_hex(bytes_view(&mac), "99245a76d7177168adaab08346a720d156a280acae8284dcb82e6c9e9a4aafb6");
}

static void test_signature_forms(void) {
        _cleanup_bytes_ Bytes raw = BYTES_NULL, der = BYTES_NULL, short_raw = BYTES_NULL;
        Bytes untouched = BYTES_NULL;
        uint8_t value[64] = {};

        /* r = 1, s with its top bit set: one is padded to the left, the other loses the zero byte of DER */
        value[31] = 1;
        value[32] = 0x80;
        check_int(ecdsa_signature_from_raw(VIEW_ARRAY(value), &der), 0);
        check_hex(bytes_view(&der),
                  "3026 020101 0221 008000000000000000000000000000000000000000000000000000000000000000");
        check_int(ecdsa_signature_to_raw(bytes_view(&der), 32, &raw), 0);
        check(view_equal(bytes_view(&raw), VIEW_ARRAY(value)));
        check_int(ecdsa_signature_to_raw(VIEW("\x30\x06\x02\x01\x01\x02\x01\x02", 8), 1, &short_raw), 0);
        check_hex(bytes_view(&short_raw), "0102");

        check_int(ecdsa_signature_to_raw(bytes_view(&der), 31, &untouched), -EBADMSG);
        check_int(ecdsa_signature_to_raw(VIEW(der.data, der.size - 1), 32, &untouched), -EBADMSG);
        check_int(ecdsa_signature_to_raw(VIEW_NULL, 32, &untouched), -EBADMSG);
        check_int(ecdsa_signature_to_raw(VIEW("\x30\x00", 2), 32, &untouched), -EBADMSG);
        check_int(ecdsa_signature_from_raw(VIEW(value, 63), &untouched), -EBADMSG);
        check_int(ecdsa_signature_from_raw(VIEW_NULL, &untouched), -EBADMSG);
        check(!untouched.data);
}

int main(void) {
        test_thumbprint();
        test_prepare();
        test_prepare_bad();
        test_sign();
        test_sign_other_key();
        test_external_account_binding();
        test_signature_forms();
        return EXIT_SUCCESS;
}
