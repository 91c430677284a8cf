/* SPDX-License-Identifier: MIT */
#pragma once

/* Keys with the mark of ROCA: a public one, whose private one nobody has, and a pair. M: the product of the primes
 * from 3 to 167. */
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>

#include "protocol/public-key.h"
#include "test.h"

static inline BIGNUM *roca_m(void) {
        BIGNUM *m = BN_new();

        check(m && BN_one(m));
        for (BN_ULONG p = 3; p <= 167; p += 2) {
                bool prime = true;
                for (BN_ULONG q = 3; q < p; q += 2)
                        prime &= p % q != 0;
                check(!prime || BN_mul_word(m, p));
        }
        return m;
}

/* N = k * M + (65537^a mod M), of 2048 bits, odd */
static inline PublicKey roca_key(void) {
        BN_CTX *x = BN_CTX_new();
        BIGNUM *m = roca_m(), *n = BN_new(), *g = BN_new(), *a = BN_new();
        PublicKey k = { .type = KEY_TYPE_RSA, .size = 256, .exponent = 65537 };

        check(x && BN_set_word(g, 65537) && BN_set_word(a, 123456789));
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

/* Such a prime number, of 1024 bits, whose two upper ones are set. */
static inline BIGNUM *roca_prime(const BIGNUM *m, BN_ULONG power, BN_CTX *x) {
        BIGNUM *p = BN_new(), *k = BN_new(), *g = BN_new(), *a = BN_new();

        check(p && k && g && a && BN_set_word(g, 65537) && BN_set_word(a, power) && BN_mod_exp(g, g, a, m, x));
        do {
                check(BN_rand(p, 1024, BN_RAND_TOP_TWO, BN_RAND_BOTTOM_ANY));
                check(BN_div(k, NULL, p, m, x) && BN_mul(p, k, m, x) && BN_add(p, p, g));
        } while (!BN_is_odd(p) || BN_num_bits(p) != 1024 || !BN_is_bit_set(p, 1022) || BN_check_prime(p, x, NULL) != 1);
        BN_free(k);
        BN_free(g);
        BN_free(a);
        return p;
}

static inline EVP_PKEY *roca_from_numbers(BIGNUM *n, BIGNUM *e, BIGNUM *d) {
        OSSL_PARAM_BLD *b = OSSL_PARAM_BLD_new();
        EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
        EVP_PKEY *key = NULL;

        check(b && c && OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_RSA_N, n) &&
              OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_RSA_E, e) && OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_RSA_D, d));
        OSSL_PARAM *parameters = OSSL_PARAM_BLD_to_param(b);
        check(parameters && EVP_PKEY_fromdata_init(c) == 1 &&
              EVP_PKEY_fromdata(c, &key, EVP_PKEY_KEYPAIR, parameters) == 1);
        OSSL_PARAM_free(parameters);
        OSSL_PARAM_BLD_free(b);
        EVP_PKEY_CTX_free(c);
        return key;
}

/* As Infineon's library made them: whoever had factored N would sign like this. */
static inline EVP_PKEY *roca_pair(PublicKey *ret) {
        BN_CTX *x = BN_CTX_new();
        BIGNUM *m = roca_m(), *n = BN_new(), *e = BN_new(), *d = BN_new();
        PublicKey k = { .type = KEY_TYPE_RSA, .size = 256, .exponent = 65537 };

        check(x && n && e && d && BN_set_word(e, 65537));
        BIGNUM *p = roca_prime(m, 123456789, x), *q = roca_prime(m, 987654321, x);
        check(BN_mul(n, p, q, x) && BN_num_bits(n) == 2048 && BN_bn2binpad(n, k.n, 256) == 256);
        check(BN_sub_word(p, 1) && BN_sub_word(q, 1) && BN_mul(m, p, q, x) && BN_mod_inverse(d, e, m, x));
        EVP_PKEY *key = roca_from_numbers(n, e, d);
        BIGNUM *const all[] = { m, n, e, d, p, q };
        for (size_t i = 0; i < ELEMENTSOF(all); i++)
                BN_clear_free(all[i]);
        BN_CTX_free(x);
        *ret = k;
        return key;
}
