/* SPDX-License-Identifier: MIT */
#include "protocol/device-identity.h"

#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "certificates.h"
#include "protocol/public-key.h"

#define NAME "300c 310a 3008 0603550403 0c0152"

static EVP_PKEY *ek, *signer;
static uint8_t expected[32];

static TestCertificate usual(void) {
        return (TestCertificate) {
                .issuer = NAME, .extensions = { EXT_KEY_ENCIPHERMENT, EXT_PURPOSE_EK }, .key = ek, .signer = signer,
        };
}

static void check_same(ByteView v) {
        uint8_t hash[32] = {};

        check_int(device_identity(v, hash), 0);
        check(memcmp(hash, expected, sizeof(hash)) == 0);
}

static void check_same_text(const char *text) {
        uint8_t hash[32] = {};

        check_int(device_identity_from_text(text, hash), 0);
        check(memcmp(hash, expected, sizeof(hash)) == 0);
}

static Bytes pem(const char *kind, ByteView der) {
        BIO *bio = BIO_new(BIO_s_mem());
        char *text;
        Bytes ret;

        check(bio && PEM_write_bio(bio, kind, "", der.data, (long) der.size) > 0);
        long n = BIO_get_mem_data(bio, &text);
        check_int(bytes_copy(VIEW(text, n), &ret), 0);
        BIO_free(bio);
        return ret;
}

static Bytes spki_of(EVP_PKEY *key) {
        uint8_t *der = NULL;
        Bytes ret;

        int n = i2d_PUBKEY(key, &der);
        check(n > 0);
        check_int(bytes_copy(VIEW(der, n), &ret), 0);
        OPENSSL_free(der);
        return ret;
}

/* One device, however its EK is written. */
static void test_forms(void) {
        TestCertificate c = usual();
        _cleanup_bytes_ Bytes spki = spki_of(ek), certificate = test_certificate(&c);
        _cleanup_bytes_ Bytes spki_pem = pem("PUBLIC KEY", bytes_view(&spki));
        _cleanup_bytes_ Bytes certificate_pem = pem("CERTIFICATE", bytes_view(&certificate));
        _cleanup_free_ char *spki_text = NULL, *certificate_text = NULL;

        check_same(bytes_view(&spki));
        check_same(bytes_view(&certificate));
        check_same(bytes_view(&spki_pem));
        check_same(bytes_view(&certificate_pem));
        check_same_text((const char *) spki_pem.data);
        check_same_text((const char *) certificate_pem.data);
        check_int(base64_encode(bytes_view(&spki), &spki_text), 0);
        check_same_text(spki_text);
        check_int(base64_encode(bytes_view(&certificate), &certificate_text), 0);
        check_same_text(certificate_text);
}

/* What NV memory has around and behind it, and the other encoding of the key. */
static void test_as_stored(void) {
        TestCertificate c = usual();
        uint8_t stored[8192] = { 0x10, 0x01, 0x00 };

        c.oaep = true;
        _cleanup_bytes_ Bytes oaep = test_certificate(&c);
        check_same(bytes_view(&oaep));
        stored[3] = (uint8_t) ((oaep.size + 2) >> 8);
        stored[4] = (uint8_t) (oaep.size + 2);
        stored[5] = 0x10;
        stored[6] = 0x02;
        memcpy(stored + 7, oaep.data, oaep.size);
        memset(stored + 7 + oaep.size, 0xff, 64);
        check_same(VIEW(stored, 7 + oaep.size + 64));
}

static void check_refused(ByteView v, int error) {
        uint8_t hash[32] = { 0xee };

        check_int(device_identity(v, hash), error);
        check_int(hash[0], 0xee);
}

static void test_refused(void) {
        static const char *const texts[] = {
                "", "nothing", "!!!!", "AAAA", "-----BEGIN CERTIFICATE-----\n", "-----BEGIN PRIVATE KEY-----\nAAAA\n",
                "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
                "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
                "-----BEGIN PUBLIC KEY-----\n????\n-----END PUBLIC KEY-----\n",
                "-----BEGIN CERTIFICATE-----\n????\n-----END CERTIFICATE-----\n",
        };
        _cleanup_bytes_ Bytes ed25519 = test_unhex("302a 3005 0603 2b6570 0321 00 "
                                                   "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
        _cleanup_bytes_ Bytes ed25519_pem = pem("PUBLIC KEY", bytes_view(&ed25519));
        TestCertificate c = usual();
        _cleanup_bytes_ Bytes certificate = test_certificate(&c);

        for (size_t i = 0; i < ELEMENTSOF(texts); i++) {
                uint8_t hash[32] = { 0xee };
                check_int(device_identity_from_text(texts[i], hash), -EINVAL);
                check_int(hash[0], 0xee);
                check_refused(VIEW_STR(texts[i]), -EINVAL);
        }
        check_refused(VIEW_NULL, -EINVAL);
        check_refused(bytes_view(&ed25519), -ENOTSUP);
        check_refused(bytes_view(&ed25519_pem), -ENOTSUP);
        check_refused(VIEW(certificate.data, certificate.size - 1), -EINVAL);
}

int main(void) {
        check(ek = EVP_RSA_gen(2048));
        check(signer = EVP_EC_gen("P-256"));
        _cleanup_bytes_ Bytes spki = spki_of(ek);
        PublicKey k;
        check_int(public_key_from_spki(bytes_view(&spki), &k), 0);
        check_int(public_key_hash(&k, expected), 0);
        test_forms();
        test_as_stored();
        test_refused();
        EVP_PKEY_free(ek);
        EVP_PKEY_free(signer);
        return EXIT_SUCCESS;
}
