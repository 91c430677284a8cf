/* SPDX-License-Identifier: MIT */
#include "protocol/rate-limit.h"
#include "test.h"

#define SEC 1000000ULL

static const uint8_t key[32] = "a key of this process, 32 bytes";

static RateLimit *make(size_t max, const char *rate) {
        RateLimit *l = NULL;
        Rate parsed;

        check_int(rate_parse(rate, &parsed), 0);
        check_int(rate_limit_new(key, max, &parsed, &l), 0);
        return l;
}

static void test_parse(void) {
        static const char *const bad[] = { "", "30", "30/", "/1min", "0/1min", "30/0", "yes", "-1/1min", "x/1min", "30/x", " 30/1min",
                                           "1000001/1min", "99999999999999999999/1min", "30/8d" };
        Rate r = { .burst = 77 };

        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                check(rate_parse(bad[i], &r) < 0);
        check_int(r.burst, 77);
        check_int(rate_parse("30/1min", &r), 0);
        check_int(r.burst, 30);
        check_int(r.period, 60 * SEC);
        check_int(rate_parse("9/1s", &r), 0);
        check_int(r.burst, 9);
        check_int(rate_parse("1000000/1s", &r), 0);
        check_int(r.burst, RATE_BURST_MAX);
        check_int(rate_parse("no", &r), 0);
        check_int(r.burst, 0);
}

static void test_burst_and_refill(void) {
        _cleanup_(rate_limit_freep) RateLimit *l = make(100, "3/30s");
        ByteView a = VIEW_STR("a"), b = VIEW_STR("b");
        uint64_t now = 5 * SEC;

        check(!rate_limit_knows(l, a) && !rate_limit_owes(l, a, now));
        for (unsigned i = 0; i < 3; i++) {
                check_int(rate_limit_wait(l, a, now), 0);
                rate_limit_charge(l, a, now);
        }
        check_int(rate_limit_wait(l, a, now), 10 * SEC);
        check_int(rate_limit_wait(l, b, now), 0);
        check_int(rate_limit_wait(l, a, now + 10 * SEC - 1), 1);
        check_int(rate_limit_wait(l, a, now + 10 * SEC), 0);

        /* What is beyond does not pile up: the wait stays that for one. */
        for (unsigned i = 0; i < 1000; i++)
                rate_limit_charge(l, a, now);
        check_int(rate_limit_wait(l, a, now), 10 * SEC);
        check(rate_limit_owes(l, a, now + 30 * SEC - 1) && !rate_limit_owes(l, a, now + 30 * SEC));
        check(rate_limit_knows(l, a));
}

static void test_refund(void) {
        _cleanup_(rate_limit_freep) RateLimit *l = make(100, "2/20s");
        ByteView a = VIEW_STR("a");

        rate_limit_refund(l, a, 7); /* of nothing */
        check(!rate_limit_knows(l, a));
        for (unsigned i = 0; i < 1000; i++) {
                check_int(rate_limit_wait(l, a, SEC), 0);
                rate_limit_charge(l, a, SEC);
                rate_limit_refund(l, a, SEC);
        }
        check(!rate_limit_owes(l, a, SEC));
        for (unsigned i = 0; i < 10; i++)
                rate_limit_refund(l, a, SEC);
        rate_limit_charge(l, a, SEC);
        rate_limit_charge(l, a, SEC);
        check(rate_limit_wait(l, a, SEC) > 0); /* no credit */
        rate_limit_refund(l, a, SEC); /* one, not both */
        rate_limit_charge(l, a, SEC);
        check_int(rate_limit_wait(l, a, SEC), 10 * SEC);
}

static void test_no_limit(void) {
        _cleanup_(rate_limit_freep) RateLimit *l = make(100, "no");
        ByteView a = VIEW_STR("a");

        for (unsigned i = 0; i < 1000; i++)
                rate_limit_charge(l, a, 1);
        check_int(rate_limit_wait(l, a, 1), 0);
        check(rate_limit_knows(l, a));
}

static void charge_number(RateLimit *l, unsigned n, uint64_t now) {
        rate_limit_charge(l, VIEW(&n, sizeof(n)), now);
}

/* U5: memory does not grow, and a thousand other ids do not make the table forget who is over his rate. */
static void test_U5_eviction_is_no_way_out(void) {
        _cleanup_(rate_limit_freep) RateLimit *l = make(64, "10/10min");
        ByteView a = VIEW_STR("attacker");

        for (unsigned i = 0; i < 10; i++)
                rate_limit_charge(l, a, SEC);
        check(rate_limit_wait(l, a, SEC) > 0);
        /* Many ids that owe less, then as many that owe as much: these come too late. */
        for (unsigned i = 0; i < 100000; i++)
                charge_number(l, i, SEC);
        check(rate_limit_wait(l, a, SEC) > 0);
        for (unsigned i = 0; i < 1000; i++)
                for (unsigned k = 0; k < 9; k++)
                        charge_number(l, i, SEC);
        check(rate_limit_wait(l, a, SEC) > 0);
}

/* Whoever has not been here for longest goes first. */
static void test_the_oldest_goes(void) {
        _cleanup_(rate_limit_freep) RateLimit *l = make(RATE_WAYS, "10/10s"); /* one row */
        unsigned known = 0;

        for (unsigned i = 0; i < 3 * RATE_WAYS; i++)
                charge_number(l, i, (1 + i) * 100 * SEC);
        for (unsigned i = 0; i < 3 * RATE_WAYS; i++)
                if (rate_limit_knows(l, VIEW(&i, sizeof(i)))) {
                        check(i >= 2 * RATE_WAYS);
                        known++;
                }
        check_int(known, RATE_WAYS);
}

/* Nobody who owes more is forgotten for whoever comes; for who owes as much, the one who was here longer is. */
static void test_U5_the_debtors_stay(void) {
        _cleanup_(rate_limit_freep) RateLimit *l = make(RATE_WAYS, "10/10s"); /* one row */
        unsigned newcomer = RATE_WAYS;

        for (unsigned i = 0; i < RATE_WAYS; i++) {
                charge_number(l, i, SEC);
                charge_number(l, i, SEC);
        }
        charge_number(l, newcomer, SEC);
        check(!rate_limit_knows(l, VIEW(&newcomer, sizeof(newcomer))));
        for (unsigned i = 0; i < RATE_WAYS; i++)
                check(rate_limit_knows(l, VIEW(&i, sizeof(i))));
        charge_number(l, newcomer, 2 * SEC); /* one second later this is as much */
        check(rate_limit_knows(l, VIEW(&newcomer, sizeof(newcomer))));
}

static void test_bad(void) {
        RateLimit *l = NULL;
        Rate rate = { .burst = 1, .period = 1 };

        check_int(rate_limit_new(key, 0, &rate, &l), -EINVAL);
        check_int(rate_limit_new(key, (1U << 20) + 1, &rate, &l), -EINVAL);
        check(!l);
        check_int(rate_limit_new(key, 1U << 20, &rate, &l), 0);
        rate_limit_freep(&l);
        check(!rate_limit_free(NULL));
}

int main(void) {
        test_parse();
        test_burst_and_refill();
        test_refund();
        test_no_limit();
        test_U5_eviction_is_no_way_out();
        test_the_oldest_goes();
        test_U5_the_debtors_stay();
        test_bad();
        return EXIT_SUCCESS;
}
