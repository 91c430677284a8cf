/* SPDX-License-Identifier: MIT */
#pragma once

/* Certificates of any shape, made when the test runs: like those of real vendors, and like no sane one. */
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "protocol/der.h"
#include "test.h"

/* Extensions: OID, critical, value. */
#define EXT_CA "300f 0603551d13 0101ff 0405 30030101ff"
#define EXT_CA_PATH_0 "3012 0603551d13 0101ff 0408 30060101ff020100"
#define EXT_CA_PATH_1 "3012 0603551d13 0101ff 0408 30060101ff020101"
#define EXT_NOT_CA "300c 0603551d13 0101ff 0402 3000"
#define EXT_NOT_CA_ENCODED_DEFAULT "300f 0603551d13 0101ff 0405 3003010100" /* Intel: no DER */
#define EXT_CERT_SIGN "300e 0603551d0f 0101ff 0404 03020106"
#define EXT_KEY_ENCIPHERMENT "300e 0603551d0f 0101ff 0404 03020520"
#define EXT_KEY_AGREEMENT "300e 0603551d0f 0101ff 0404 03020308"
#define EXT_DIGITAL_SIGNATURE "300e 0603551d0f 0101ff 0404 03020780"
#define EXT_PURPOSE_EK "3010 0603551d25 0409 30070605 6781050801"
#define EXT_PURPOSE_AIK "3010 0603551d25 0409 30070605 6781050803"
#define EXT_PURPOSE_BOTH "3017 0603551d25 0410 300e0605 6781050801 06056781050803"
#define EXT_PURPOSE_AIK_AND_EK "3017 0603551d25 0410 300e0605 6781050803 06056781050801"
#define EXT_PURPOSE_EK_AND_CLIENT "301a 0603551d25 0413 3011 06056781050801 06082b06010505070302"
#define EXT_PURPOSE_ANY_AND_CLIENT "3019 0603551d25 0412 3010 0604551d2500 06082b06010505070302"
#define EXT_PURPOSE_ANY "300f 0603551d25 0408 30060604 551d2500"
#define EXT_PURPOSE_CLIENT "3013 0603551d25 040c 300a0608 2b06010505070302"
#define EXT_UNKNOWN "300b 06032a0304 0404 deadbeef"
#define EXT_UNKNOWN_CRITICAL "300e 06032a0304 0101ff 0404 deadbeef"
/* Critical; one RDN of three attributes, UTF8String: swtpm. */
#define EXT_SAN_ONE_RDN                                                                           \
        "304e 0603551d11 0101ff 0444 3042 a440 303e 313c"                                         \
        "3014 0605 6781050201 0c0b 69643a3030303031303134 300e 0605 6781050202 0c05 737774706d" \
        "3014 0605 6781050203 0c0b 69643a3230313931303233"
/* Three RDNs, PrintableString that is none: Nuvoton. */
#define EXT_SAN_THREE_RDNS                                                                        \
        "3054 0603551d11 0101ff 044a 3048 a446 3044"                                              \
        "3116 3014 0605 6781050201 130b 69643a3445353434333030"                                   \
        "3116 3014 0605 6781050202 130b 4e504354373578002221ff"                                   \
        "3112 3010 0605 6781050203 1307 69643a30303037"

typedef struct TestCertificate {
        const char *issuer, *subject;        /* Name in hexadecimal; NULL: empty, 3000 */
        const char *serial;                  /* content, in hexadecimal; NULL: 01 */
        const char *not_before, *not_after;  /* as encoded: UTCTime has 13 characters; NULL: 2020, 9999 */
        const char *extensions[8];
        EVP_PKEY *key;
        bool oaep;                           /* rsaesOaep instead of rsaEncryption */
        EVP_PKEY *signer;
        bool sha1;
} TestCertificate;

static inline ByteView test_view(const ByteWriter *w) {
        check(!w->failed);
        return writer_view(w);
}

static inline void test_write_hex(ByteWriter *w, const char *text) {
        _cleanup_bytes_ Bytes b = test_unhex(text);
        write_view(w, bytes_view(&b));
}

static inline void test_write_time(ByteWriter *w, const char *text) {
        write_der(w, strlen(text) == 13 ? 0x17 : 0x18, VIEW_STR(text));
}

static inline void test_write_spki(ByteWriter *w, EVP_PKEY *key, bool oaep) {
        static const uint8_t rsa[] = { 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01 };
        uint8_t *der = NULL;

        int n = i2d_PUBKEY(key, &der);
        check(n > 0);
        if (oaep) {
                uint8_t *oid = memmem(der, (size_t) n, rsa, sizeof(rsa));
                check(oid);
                oid[8] = 7;
        }
        write_bytes(w, der, (size_t) n);
        OPENSSL_free(der);
}

static inline void test_write_algorithm(ByteWriter *w, const TestCertificate *c) {
        if (EVP_PKEY_get_base_id(c->signer) == EVP_PKEY_EC)
                test_write_hex(w, c->sha1 ? "3009 0607 2a8648ce3d0401" : "300a 0608 2a8648ce3d040302");
        else
                test_write_hex(w, c->sha1 ? "300d 0609 2a864886f70d010105 0500"
                                          : "300d 0609 2a864886f70d01010b 0500");
}

static inline void test_write_tbs(ByteWriter *w, const TestCertificate *c) {
        uint8_t a[4096], b[2048], d[2048];
        ByteWriter tbs = WRITER(a, sizeof(a)), inner = WRITER(b, sizeof(b)), list = WRITER(d, sizeof(d));

        test_write_hex(&tbs, "a003020102");
        test_write_hex(&inner, c->serial ?: "01");
        write_der(&tbs, DER_INTEGER, test_view(&inner));
        test_write_algorithm(&tbs, c);
        test_write_hex(&tbs, c->issuer ?: "3000");
        inner = WRITER(b, sizeof(b));
        test_write_time(&inner, c->not_before ?: "200101000000Z");
        test_write_time(&inner, c->not_after ?: "99991231235959Z");
        write_der(&tbs, DER_SEQUENCE, test_view(&inner));
        test_write_hex(&tbs, c->subject ?: "3000");
        test_write_spki(&tbs, c->key, c->oaep);
        for (size_t i = 0; i < ELEMENTSOF(c->extensions) && c->extensions[i]; i++)
                test_write_hex(&list, c->extensions[i]);
        if (list.size > 0) {
                inner = WRITER(b, sizeof(b));
                write_der(&inner, DER_SEQUENCE, test_view(&list));
                write_der(&tbs, DER_CONTEXT_CONSTRUCTED(3), test_view(&inner));
        }
        write_der(w, DER_SEQUENCE, test_view(&tbs));
}

static inline Bytes test_certificate(const TestCertificate *c) {
        uint8_t a[8192], b[8192], signature[1024] = { 0 };
        ByteWriter content = WRITER(a, sizeof(a)), w = WRITER(b, sizeof(b));
        size_t n = sizeof(signature) - 1;
        EVP_MD_CTX *x = EVP_MD_CTX_new();
        Bytes ret;

        test_write_tbs(&content, c);
        check(x && EVP_DigestSignInit(x, NULL, c->sha1 ? EVP_sha1() : EVP_sha256(), NULL, c->signer) == 1);
        check(EVP_DigestSign(x, signature + 1, &n, content.data, content.size) == 1);
        EVP_MD_CTX_free(x);
        test_write_algorithm(&content, c);
        write_der(&content, DER_BIT_STRING, VIEW(signature, n + 1));
        write_der(&w, DER_SEQUENCE, test_view(&content));
        check_int(bytes_copy(test_view(&w), &ret), 0);
        return ret;
}
