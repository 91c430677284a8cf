/* SPDX-License-Identifier: MIT */
#pragma once

/* RSA keys of Infineon's library of before 2017 (ROCA, CVE-2017-15361): TPMs of several vendors made such keys, and the
 * private one can be computed from the public one. Nemec et al., "The Return of Coppersmith's Attack", 2017: their
 * primes are k * M + (65537^a mod M), M a product of small primes, and that shows in the modulus. */
#include "protocol/public-key.h"

/* Another key is taken for one with a probability of about 2^-28. */
bool public_key_is_roca(const PublicKey *k);
