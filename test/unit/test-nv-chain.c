/* SPDX-License-Identifier: MIT */
#include "protocol/nv-chain.h"

#include <openssl/ec.h>

#include "certificates.h"

static Bytes certificates[NV_CHAIN_CERTIFICATES_MAX + 1];

static void append(ByteWriter *w, unsigned value, size_t n) {
        for (size_t i = 0; i < n; i++)
                write_u8(w, (uint8_t) value);
}

/* Those with the numbers in expected ("03": the first and the fourth). */
static void check_split(ByteView content, const char *expected) {
        ByteView found[NV_CHAIN_CERTIFICATES_MAX];

        size_t n = nv_chain_split(content, found);
        check_int(n, strlen(expected));
        for (size_t i = 0; i < n; i++)
                check(view_equal(found[i], bytes_view(&certificates[expected[i] - '0'])));
}

static void test_layouts(void) {
        uint8_t content[8192];
        ByteWriter w = WRITER(content, sizeof(content));

        check_split(VIEW_NULL, "");
        for (size_t i = 0; i < 3; i++)
                write_view(&w, bytes_view(&certificates[i]));
        check_split(test_view(&w), "012");
        append(&w, 0xff, 100);
        check_split(test_view(&w), "012");
        append(&w, 0x00, 3);
        append(&w, 0x30, 2); /* fill that looks like the beginning of one */
        write_view(&w, bytes_view(&certificates[3]));
        check_split(test_view(&w), "0123");
        test_write_hex(&w, "100100 0200 1002");
        write_view(&w, bytes_view(&certificates[4]));
        test_write_hex(&w, "100100 0200");
        write_view(&w, bytes_view(&certificates[5]));
        check_split(test_view(&w), "012345");
        test_write_hex(&w, "3003 020100"); /* a SEQUENCE that is no certificate */
        write_view(&w, bytes_view(&certificates[6]));
        write_view(&w, bytes_view(&certificates[7]));
        check_split(test_view(&w), "0123456");
}

static void test_cut_off(void) {
        uint8_t content[4096];
        ByteWriter w = WRITER(content, sizeof(content));

        write_view(&w, bytes_view(&certificates[0]));
        size_t first = w.size;
        write_view(&w, bytes_view(&certificates[1]));
        check_split(test_view(&w), "01");
        for (size_t n = 0; n < w.size; n++) {
                ByteView found[NV_CHAIN_CERTIFICATES_MAX];
                _cleanup_bytes_ Bytes cut = BYTES_NULL;

                check_int(bytes_copy(VIEW(content, n), &cut), 0);
                check_int(nv_chain_split(bytes_view(&cut), found), n >= first);
        }
}

int main(void) {
        EVP_PKEY *k = EVP_EC_gen("P-256");

        for (size_t i = 0; i < ELEMENTSOF(certificates); i++) {
                char serial[8];
                (void) snprintf(serial, sizeof(serial), "%02zx", i + 1);
                certificates[i] = test_certificate(&(TestCertificate) {
                        .serial = serial, .extensions = { EXT_CA }, .key = k, .signer = k });
        }
        test_layouts();
        test_cut_off();
        for (size_t i = 0; i < ELEMENTSOF(certificates); i++)
                bytes_done(&certificates[i]);
        EVP_PKEY_free(k);
        return EXIT_SUCCESS;
}
