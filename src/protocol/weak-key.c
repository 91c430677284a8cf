/* SPDX-License-Identifier: MIT */
#include "protocol/weak-key.h"

#define GENERATOR 65537U

static const uint8_t primes[] = {
        3,  5,  7,  11, 13, 17,  19,  23,  29,  31,  37,  41,  43,  47,  53,  59,  61,  67,  71,
        73, 79, 83, 89, 97, 101, 103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167,
};

static unsigned modulo(const PublicKey *k, unsigned p) {
        unsigned r = 0;

        for (size_t i = 0; i < k->size; i++)
                r = ((r << 8) | k->n[i]) % p;
        return r;
}

/* Is r a power of the generator, modulo p? */
static bool is_power(unsigned r, unsigned p) {
        unsigned x = 1;

        do {
                if (x == r)
                        return true;
                x = x * (GENERATOR % p) % p;
        } while (x != 1);
        return false;
}

bool public_key_is_roca(const PublicKey *k) {
        if (k->type != KEY_TYPE_RSA)
                return false;
        for (size_t i = 0; i < ELEMENTSOF(primes); i++)
                if (!is_power(modulo(k, primes[i]), primes[i]))
                        return false;
        return true;
}
