/* SPDX-License-Identifier: MIT */
#include <malloc.h>
#include <time.h>

#include "protocol/pending-secrets.h"
#include "test.h"

#define LIFETIME 1000U

static const uint8_t key[32] = "a key of this process, 32 bytes";

static PendingSecrets *make(size_t max) {
        PendingSecrets *s = NULL;

        check_int(pending_secrets_new(key, max, LIFETIME, &s), 0);
        return s;
}

static Pending device(unsigned ek, unsigned ak) {
        Pending p = { .ak = { .type = KEY_TYPE_P256, .size = 32 } };

        memcpy(p.ak.x, &ak, sizeof(ak));
        memcpy(p.ek_hash, &ek, sizeof(ek));
        return p;
}

static Pending trusted_device(unsigned ek, unsigned ak) {
        Pending p = device(ek, ak);

        p.evidence = EK_EVIDENCE_TRUSTED;
        return p;
}

static void test_F5_U5_single_use(void) {
        _cleanup_(pending_secrets_freep) PendingSecrets *s = make(10);
        Pending a = device(1, 1), b = device(1, 2), got = {};
        uint8_t secret_a[32], secret_b[32], unknown[32] = {};

        a.evidence = EK_EVIDENCE_UNTRUSTED;
        strcpy(a.issuer, "CN=somebody");
        check_int(pending_secrets_add(s, &a, 100, secret_a), 0);
        check_int(pending_secrets_add(s, &b, 100, secret_b), 0);
        check(memcmp(secret_a, secret_b, 32) != 0);
        check_int(pending_secrets_expire(s, 100), 2);

        check_int(pending_secrets_take(s, unknown, 100, &got), -ENOENT);
        check_int(got.ak.type, KEY_TYPE_INVALID);
        check_int(pending_secrets_take(s, secret_a, 101, &got), 0);
        check(public_key_equal(&got.ak, &a.ak) && memcmp(got.ek_hash, a.ek_hash, 32) == 0);
        check_int(got.evidence, EK_EVIDENCE_UNTRUSTED);
        check_str(got.issuer, "CN=somebody");
        check_int(pending_secrets_take(s, secret_a, 101, &got), -ENOENT);
        check_int(pending_secrets_take(s, secret_b, 101, &got), 0);
        check_int(pending_secrets_expire(s, 101), 0);

        /* The next secret for the same keys is another one. */
        check_int(pending_secrets_add(s, &a, 102, secret_b), 0);
        check(memcmp(secret_a, secret_b, 32) != 0);
}

static void test_F5_U5_expiry(void) {
        _cleanup_(pending_secrets_freep) PendingSecrets *s = make(10);
        Pending a = device(1, 1), b = device(2, 2), got;
        uint8_t secret_a[32], secret_b[32];

        check(pending_secrets_next_expiry(s) == UINT64_MAX);
        check_int(pending_secrets_add(s, &a, 100, secret_a), 0);
        check_int(pending_secrets_add(s, &b, 200, secret_b), 0);
        check_int(pending_secrets_next_expiry(s), 100 + LIFETIME);
        check_int(pending_secrets_expire(s, 99 + LIFETIME), 2);
        check_int(pending_secrets_expire(s, 100 + LIFETIME), 1);
        check_int(pending_secrets_take(s, secret_a, 100 + LIFETIME, &got), -ENOENT);
        check_int(pending_secrets_next_expiry(s), 200 + LIFETIME);
        check_int(pending_secrets_take(s, secret_b, 200 + LIFETIME, &got), -ENOENT);
        check(pending_secrets_next_expiry(s) == UINT64_MAX);
}

/* The same keys: the same secret for half of its time, then a second, never a third; taking ends both. */
static void test_siblings(void) {
        Pending a = device(1, 1), got;
        uint8_t first[32], again[32], second[32], third[32];

        for (unsigned take_second = 0; take_second < 2; take_second++) {
                _cleanup_(pending_secrets_freep) PendingSecrets *s = make(10);

                check_int(pending_secrets_add(s, &a, 0, first), 0);
                check_int(pending_secrets_add(s, &a, LIFETIME / 2, again), 0);
                check(memcmp(first, again, 32) == 0);
                check_int(pending_secrets_add(s, &a, LIFETIME / 2 + 1, second), 0);
                check(memcmp(first, second, 32) != 0);
                check_int(pending_secrets_expire(s, LIFETIME / 2 + 1), 2);
                check_int(pending_secrets_add(s, &a, LIFETIME - 1, again), 0);
                check(memcmp(second, again, 32) == 0);
                check_int(pending_secrets_expire(s, LIFETIME - 1), 2);
                check_int(pending_secrets_take(s, take_second ? second : first, LIFETIME - 1, &got), 0);
                check_int(pending_secrets_take(s, take_second ? first : second, LIFETIME - 1, &got), -ENOENT);
                check_int(pending_secrets_expire(s, LIFETIME - 1), 0);
        }

        /* The first goes by itself, the second stays and gets a successor. */
        _cleanup_(pending_secrets_freep) PendingSecrets *s = make(10);
        check_int(pending_secrets_add(s, &a, 0, first), 0);
        check_int(pending_secrets_add(s, &a, 600, second), 0);
        check_int(pending_secrets_add(s, &a, 1000, again), 0);
        check(memcmp(second, again, 32) == 0);
        check_int(pending_secrets_expire(s, 1000), 1);
        check_int(pending_secrets_add(s, &a, 1101, third), 0);
        check(memcmp(second, third, 32) != 0);
        check_int(pending_secrets_take(s, first, 1101, &got), -ENOENT);
        check_int(pending_secrets_take(s, third, 1101, &got), 0);
        check_int(pending_secrets_take(s, second, 1101, &got), -ENOENT);
}

/* However often somebody sends the honest request again: each secret given out stays good for its time. */
static void test_replay(void) {
        _cleanup_(pending_secrets_freep) PendingSecrets *s = make(4);
        Pending a = device(1, 1), got;
        uint8_t honest[32], other[32];

        for (uint64_t t = 0; t < 20 * LIFETIME; t += 7)
                check_int(pending_secrets_add(s, &a, t, other), 0);
        check_int(pending_secrets_add(s, &a, 20 * LIFETIME, honest), 0);
        for (uint64_t t = 20 * LIFETIME; t < 20 * LIFETIME + LIFETIME / 2; t++)
                check_int(pending_secrets_add(s, &a, t, other), 0);
        check_int(pending_secrets_take(s, honest, 20 * LIFETIME + LIFETIME / 2 - 1, &got), 0);
}

static void test_evidence(void) {
        _cleanup_(pending_secrets_freep) PendingSecrets *s = make(10);
        Pending none = device(1, 1), untrusted = none, trusted = none, got;
        uint8_t first[32], second[32];

        untrusted.evidence = EK_EVIDENCE_UNTRUSTED;
        strcpy(untrusted.issuer, "CN=somebody");
        trusted.evidence = EK_EVIDENCE_TRUSTED;
        strcpy(trusted.tpm.model, "swtpm");

        check_int(pending_secrets_add(s, &none, 0, first), 0);
        check_int(pending_secrets_add(s, &trusted, 1, first), 0);
        check_int(pending_secrets_add(s, &untrusted, 2, first), 0);
        check_int(pending_secrets_add(s, &none, 600, second), 0);
        check_int(pending_secrets_take(s, second, 601, &got), 0);
        check_int(got.evidence, EK_EVIDENCE_TRUSTED);
        check_str(got.tpm.model, "swtpm");
        check_str(got.issuer, "");

        /* A secret that is out when the better evidence comes has it too; other keys have not. */
        Pending other = device(1, 2);
        check_int(pending_secrets_add(s, &untrusted, 0, first), 0);
        check_int(pending_secrets_add(s, &other, 0, second), 0);
        check_int(pending_secrets_add(s, &trusted, 600, second), 0);
        check_int(pending_secrets_take(s, first, 601, &got), 0);
        check_int(got.evidence, EK_EVIDENCE_TRUSTED);
        check_str(got.issuer, "");
        check_int(pending_secrets_add(s, &other, 0, second), 0);
        check_int(pending_secrets_take(s, second, 601, &got), 0);
        check_int(got.evidence, EK_EVIDENCE_NONE);
}

static void test_F5_U5_capacity(void) {
        _cleanup_(pending_secrets_freep) PendingSecrets *s = NULL;
        uint8_t secrets[3][32], again[32];
        Pending got;

        check_int(pending_secrets_new(key, 0, LIFETIME, &s), -EINVAL);
        check_int(pending_secrets_new(key, SIZE_MAX, LIFETIME, &s), -EINVAL);
        check_int(pending_secrets_new(key, 1, 0, &s), -EINVAL);
        check(!s);
        s = make(3);
        for (unsigned i = 0; i < 3; i++) {
                Pending d = trusted_device(i, i);
                check_int(pending_secrets_add(s, &d, i, secrets[i]), 0);
        }
        Pending late = trusted_device(9, 9), first = trusted_device(0, 0);
        memset(again, 7, sizeof(again));
        check_int(pending_secrets_add(s, &late, 900, again), -ENOSPC);
        check(again[0] == 7 && again[31] == 7);
        /* Who is there already keeps what it has. */
        check_int(pending_secrets_add(s, &first, 900, again), 0);
        check(memcmp(again, secrets[0], 32) == 0);
        check_int(pending_secrets_take(s, secrets[1], 900, &got), 0);
        check_int(pending_secrets_add(s, &late, 900, again), 0);
        check_int(pending_secrets_add(s, &late, 900, again), 0);
        /* Expired ones make room by themselves. */
        Pending later = trusted_device(10, 10);
        check_int(pending_secrets_add(s, &later, LIFETIME, again), 0);
}

/* A flood of EKs that somebody made leaves room for those of manufacturers. */
static void test_reserve(void) {
        _cleanup_(pending_secrets_freep) PendingSecrets *s = make(4);
        uint8_t secret[32], first[32];
        Pending got;

        Pending a = device(1, 1), b = device(2, 2), c = device(3, 3), a_trusted = trusted_device(1, 1);
        check_int(pending_secrets_add(s, &a, 0, first), 0);
        check_int(pending_secrets_add(s, &b, 0, secret), 0);
        check_int(pending_secrets_add(s, &c, 0, secret), -ENOSPC);
        /* Better evidence gives the place back to the others. */
        check_int(pending_secrets_add(s, &a_trusted, 0, secret), 0);
        check_int(pending_secrets_add(s, &c, 0, secret), 0);
        Pending d = trusted_device(4, 4), e = trusted_device(5, 5), f = device(6, 6);
        check_int(pending_secrets_add(s, &d, 0, secret), 0);
        check_int(pending_secrets_add(s, &e, 0, secret), -ENOSPC);
        check_int(pending_secrets_take(s, first, 1, &got), 0);
        check_int(pending_secrets_add(s, &f, 1, secret), -ENOSPC);
        check_int(pending_secrets_add(s, &e, 1, secret), 0);
        check_int(pending_secrets_expire(s, LIFETIME), 1);
        check_int(pending_secrets_add(s, &f, LIFETIME, secret), 0);
}

/* After a restart, from what was issued before. */
static void test_U5_recalled(void) {
        _cleanup_(pending_secrets_freep) PendingSecrets *s = make(1);
        Pending old = trusted_device(1, 1), current = trusted_device(1, 2), other = trusted_device(2, 1);
        Pending stranger = trusted_device(3, 1);
        uint8_t secret[32];

        check_int(pending_secrets_certified(s, &current), 0);
        check_int(pending_secrets_recall(s, &old), 0);
        check_int(pending_secrets_recall(s, &other), 0);
        check_int(pending_secrets_add(s, &stranger, 0, secret), 0);
        check_int(pending_secrets_add(s, &old, 0, secret), -ENOSPC);
        check_int(pending_secrets_add(s, &current, 0, secret), 0);
        check_int(pending_secrets_add(s, &other, 0, secret), 0);
}

/* U5: a full table evicts nobody, and yet has a place for the AK that a device was last certified for. */
static void test_U5_place_of_the_last_certified(void) {
        _cleanup_(pending_secrets_freep) PendingSecrets *s = make(8);
        Pending old = trusted_device(1, 1), current = trusted_device(1, 2), pinned = device(2, 1), got;
        uint8_t secret[32], again[32], out[8][32];

        check_int(pending_secrets_certified(s, &old), 0);
        check_int(pending_secrets_certified(s, &current), 0);
        check_int(pending_secrets_certified(s, &pinned), 0);
        /* Somebody has one genuine certificate, and makes AKs. */
        for (unsigned i = 0; i < 8; i++) {
                Pending p = trusted_device(77, i);
                check_int(pending_secrets_add(s, &p, 0, out[i]), 0);
        }
        Pending next = trusted_device(77, 8), stranger = device(3, 1);
        check_int(pending_secrets_add(s, &next, 0, secret), -ENOSPC);
        check_int(pending_secrets_add(s, &stranger, 0, secret), -ENOSPC);
        check_int(pending_secrets_add(s, &old, 0, secret), -ENOSPC);
        check_int(pending_secrets_add(s, &pinned, 0, secret), 0);
        check_int(pending_secrets_add(s, &current, 0, secret), 0);
        check_int(pending_secrets_expire(s, 0), 10);
        /* One place: a replay takes no second one. */
        check_int(pending_secrets_add(s, &current, 0, again), 0);
        check(memcmp(secret, again, 32) == 0);
        check_int(pending_secrets_expire(s, 0), 10);
        check_int(pending_secrets_take(s, secret, 1, &got), 0);
        check(public_key_equal(&got.ak, &current.ak));
        for (unsigned i = 0; i < 8; i++)
                check_int(pending_secrets_take(s, out[i], 1, &got), 0);
}

/* What is known by its keys is known by all of them. */
static void test_identity(void) {
        _cleanup_(pending_secrets_freep) PendingSecrets *s = make(10);
        Pending p256 = device(1, 1), p384 = p256, rsa = p256, exponent = p256, ek = p256;
        uint8_t secrets[5][32];

        p384.ak.type = KEY_TYPE_P384;
        p384.ak.size = 48;
        rsa.ak.type = KEY_TYPE_RSA;
        rsa.ak.size = 256;
        exponent.ak = rsa.ak;
        exponent.ak.exponent = 65537;
        ek.ek_hash[31] = 1;
        const Pending *all[] = { &p256, &p384, &rsa, &exponent, &ek };
        for (size_t i = 0; i < ELEMENTSOF(all); i++)
                check_int(pending_secrets_add(s, all[i], 0, secrets[i]), 0);
        check_int(pending_secrets_expire(s, 0), ELEMENTSOF(all));
}

/* 4096 places cost little while they are empty, and not more than a few µs each when used. */
static void test_cost(void) {
        size_t before = mallinfo2().uordblks + mallinfo2().hblkhd;
        _cleanup_(pending_secrets_freep) PendingSecrets *s = make(PENDING_SECRETS_MAX_DEFAULT);
        _cleanup_free_ uint8_t (*secrets)[32] = calloc(PENDING_SECRETS_MAX_DEFAULT, 32);
        struct timespec from, to;
        Pending got;

        /* Most of it is room for devices that were certified, which is not touched before there are any. */
        check(mallinfo2().uordblks + mallinfo2().hblkhd - before < 8192U * 1024U);
        check_int(clock_gettime(CLOCK_MONOTONIC, &from), 0);
        for (unsigned i = 0; i < PENDING_SECRETS_MAX_DEFAULT; i++) {
                Pending d = trusted_device(i, i);
                check_int(pending_secrets_add(s, &d, i % 1000, secrets[i]), 0);
        }
        for (unsigned i = 0; i < PENDING_SECRETS_MAX_DEFAULT; i++)
                check_int(pending_secrets_take(s, secrets[(i * 5U) % PENDING_SECRETS_MAX_DEFAULT], 999, &got), 0);
        check_int(clock_gettime(CLOCK_MONOTONIC, &to), 0);
        check_int(pending_secrets_expire(s, 999), 0);
        printf("add and take: %.2f µs\n", ((double) (to.tv_sec - from.tv_sec) * 1e6 +
                                            (double) (to.tv_nsec - from.tv_nsec) / 1e3) / PENDING_SECRETS_MAX_DEFAULT);
}

int main(void) {
        test_F5_U5_single_use();
        test_reserve();
        test_F5_U5_expiry();
        test_siblings();
        test_replay();
        test_evidence();
        test_F5_U5_capacity();
        test_U5_place_of_the_last_certified();
        test_U5_recalled();
        test_identity();
        test_cost();
        return EXIT_SUCCESS;
}
