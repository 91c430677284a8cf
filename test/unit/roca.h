/* SPDX-License-Identifier: MIT */
#pragma once

/* A public key with the mark of ROCA; nobody has its private one. */
#include <openssl/bn.h>

#include "protocol/public-key.h"
#include "test.h"

/* N = k * M + (65537^a mod M), of 2048 bits, odd; M: the product of the primes from 3 to 167. */
static inline PublicKey roca_key(void) {
        BN_CTX *x = BN_CTX_new();
        BIGNUM *m = BN_new(), *n = BN_new(), *g = BN_new(), *a = BN_new();
        PublicKey k = { .type = KEY_TYPE_RSA, .size = 256, .exponent = 65537 };

        check(x && BN_one(m) && BN_set_word(g, 65537) && BN_set_word(a, 123456789));
        for (BN_ULONG p = 3; p <= 167; p += 2) {
                bool prime = true;
                for (BN_ULONG q = 3; q < p; q += 2)
                        prime &= p % q != 0;
                check(!prime || BN_mul_word(m, p));
        }
        check(BN_mod_exp(g, g, a, m, x));
        check(BN_set_bit(n, 2047) && BN_set_bit(n, 2046));
        check(BN_div(a, NULL, n, m, x) && BN_mul(n, a, m, x) && BN_add(n, n, g));
        if (!BN_is_odd(n))
                check(BN_add(n, n, m));
        check_int(BN_bn2binpad(n, k.n, 256), 256);
        BN_free(m);
        BN_free(n);
        BN_free(g);
        BN_free(a);
        BN_CTX_free(x);
        return k;
}
