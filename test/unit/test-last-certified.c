/* SPDX-License-Identifier: MIT */
#include "protocol/last-certified.h"
#include "test.h"

static void number(unsigned n, uint8_t ret[static 32]) {
        memset(ret, 0, 32);
        memcpy(ret, &n, sizeof(n));
        memcpy(ret + 24, &n, sizeof(n));
}

static void test_one_for_each(void) {
        _cleanup_(last_certified_freep) LastCertified *t = NULL;
        uint8_t ek[32], other[32], a[32] = { 1 }, b[32] = { 2 };

        check_int(last_certified_new(LAST_CERTIFIED_MAX + 1, &t), -EINVAL);
        check_int(last_certified_new(LAST_CERTIFIED_MAX, &t), 0);
        t = last_certified_free(t);
        check_int(last_certified_new(100, &t), 0);
        number(1, ek);
        number(2, other);
        check(!last_certified_is(t, ek, a));
        const uint8_t nothing[32] = {}; /* what a free place looks like */
        check(!last_certified_is(t, nothing, nothing));
        last_certified_put(t, ek, a);
        check(last_certified_is(t, ek, a) && !last_certified_is(t, ek, b) && !last_certified_is(t, other, a));
        last_certified_put(t, ek, b);
        check(!last_certified_is(t, ek, a) && last_certified_is(t, ek, b));
}

static void test_the_oldest_goes(void) {
        _cleanup_(last_certified_freep) LastCertified *t = NULL;
        uint8_t ek[32], id[32] = { 1 };
        unsigned known = 0;

        check_int(last_certified_new(8, &t), 0); /* one row */
        for (unsigned i = 0; i < 20; i++) {
                number(i, ek);
                last_certified_put(t, ek, id);
                number(0, ek);
                if (i < 14) /* is used again and again, and stays */
                        last_certified_put(t, ek, id);
        }
        for (unsigned i = 0; i < 20; i++) {
                number(i, ek);
                if (last_certified_is(t, ek, id)) {
                        check(i == 0 || i > 12);
                        known++;
                }
        }
        check_int(known, 8);
}

/* What is known already counts more, and nothing goes for it. */
static void test_recall(void) {
        _cleanup_(last_certified_freep) LastCertified *t = NULL;
        uint8_t ek[32], a[32] = { 1 }, b[32] = { 2 };

        check_int(last_certified_new(8, &t), 0); /* one row */
        number(1, ek);
        last_certified_put(t, ek, a);
        check(!last_certified_recall(t, ek, b) && last_certified_is(t, ek, a));
        for (unsigned i = 2; i < 12; i++) {
                number(i, ek);
                check_int(last_certified_recall(t, ek, b), i <= 8);
                check_int(last_certified_is(t, ek, b), i <= 8);
        }
        number(1, ek);
        check(last_certified_is(t, ek, a));
}

int main(void) {
        LastCertified *t = NULL;

        check_int(last_certified_new(0, &t), -EINVAL);
        check_int(last_certified_new(LAST_CERTIFIED_MAX + 1, &t), -EINVAL);
        check(!t && !last_certified_free(NULL));
        test_one_for_each();
        test_the_oldest_goes();
        test_recall();
        return EXIT_SUCCESS;
}
