/* SPDX-License-Identifier: MIT */
#include "protocol/weak-key.h"

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "roca.h"
#include "test.h"

static void test_honest(void) {
        for (unsigned i = 0; i < 3; i++) {
                EVP_PKEY *key = EVP_RSA_gen(2048);
                uint8_t *der = NULL;
                PublicKey k;

                int n = i2d_PUBKEY(key, &der);
                check_int(public_key_from_spki(VIEW(der, n), &k), 0);
                check(!public_key_is_roca(&k));
                OPENSSL_free(der);
                EVP_PKEY_free(key);
        }
        PublicKey ec = { .type = KEY_TYPE_P256, .size = 32 };
        check(!public_key_is_roca(&ec));
}

static void test_weak(void) {
        PublicKey k = roca_key();

        check(public_key_valid(&k));
        check(public_key_is_roca(&k));
        /* One residue that does not fit is enough. */
        k.n[255] ^= 2;
        check(!public_key_is_roca(&k));
}

int main(void) {
        test_honest();
        test_weak();
        return EXIT_SUCCESS;
}
