/* SPDX-License-Identifier: MIT */
#include "protocol/client-address.h"
#include "test.h"

static TrustedProxies proxies(const char *value) {
        TrustedProxies p = {};

        check_int(trusted_proxies_add(&p, value), 0);
        return p;
}

static NetAddress address(const char *text) {
        NetAddress a = {};

        check_int(net_address_parse(VIEW_STR(text), &a), 0);
        return a;
}

static void test_proxies(void) {
        static const char *const bad[] = { "", " ", "10.0.0.0/33", "10.0.0.1/8", "::1/129", "2001:db8::1/32", "x", "10.0.0.0/",
                                           "10.0.0.0/08x", "proxy.test", "fe80::1%eth0", "1.2.3.4:80", "10.0.0.0/8 x", "127.1" };
        TrustedProxies p = proxies("10.0.0.0/8, 192.0.2.7 2001:db8::/32 unix"), none = {};
        static const char *const in[] = { "10.0.0.0", "10.255.255.255", "192.0.2.7", "::ffff:10.1.1.1", "2001:db8:ffff::1" };
        static const char *const out[] = { "11.0.0.0", "9.255.255.255", "192.0.2.6", "2001:db9::", "::", "::a00:1" };
        NetAddress a;

        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                check(trusted_proxies_add(&none, bad[i]) < 0);
        check(none.n == 0 && !none.unix_sockets);
        check(p.n == 3 && p.unix_sockets);
        for (size_t i = 0; i < ELEMENTSOF(in); i++) {
                a = address(in[i]);
                check(trusted_proxies_have(&p, &a));
                check(!trusted_proxies_have(&none, &a));
        }
        for (size_t i = 0; i < ELEMENTSOF(out); i++) {
                a = address(out[i]);
                check(!trusted_proxies_have(&p, &a));
        }
        p = proxies("0.0.0.0/0"); /* IPv4 only */
        a = address("8.8.8.8");
        check(trusted_proxies_have(&p, &a));
        a = address("2001:db8::1");
        check(!trusted_proxies_have(&p, &a));
        for (unsigned i = 1; i < TRUSTED_PROXIES_MAX; i++)
                check_int(trusted_proxies_add(&p, "192.0.2.1"), 0);
        check_int(trusted_proxies_add(&p, "192.0.2.1"), -E2BIG);
}

static void check_client(ForwardedHeader h, const char *value, const char *expected) {
        TrustedProxies p = proxies("10.0.0.0/8 2001:db8:1::/48");
        NetAddress a = {}, e;

        bool found = client_address_find(&p, h, VIEW_STR(value), &a);
        if (found != (expected != NULL)) {
                fprintf(stderr, "%s: found %d\n", value, found);
                abort();
        }
        if (!expected)
                return;
        e = address(expected);
        if (memcmp(&a, &e, sizeof(a)) != 0) {
                fprintf(stderr, "%s: not %s\n", value, expected);
                abort();
        }
}

static void test_x_forwarded_for(void) {
        static const char *const nobody[] = { "", ",", " ", "unknown", "1.2.3.4,", "1.2.3.4, x", "1.2.3.4.5", "[1.2.3.4]", "[::1", "1.2.3.4 5",
                                              "for=1.2.3.4", "a:b", "::1%lo" };

        check_client(FORWARDED_BY_X, "192.0.2.1", "192.0.2.1");
        check_client(FORWARDED_BY_X, " 192.0.2.1:4711\t", "192.0.2.1");
        check_client(FORWARDED_BY_X, "2001:db8::1", "2001:db8::1");
        check_client(FORWARDED_BY_X, "[2001:db8::1]:4711", "2001:db8::1");
        check_client(FORWARDED_BY_X, "[2001:db8::1]", "2001:db8::1");
        check_client(FORWARDED_BY_X, "::ffff:192.0.2.1", "192.0.2.1");
        /* The client's own words stand at the left. */
        check_client(FORWARDED_BY_X, "198.51.100.1, 192.0.2.1", "192.0.2.1");
        check_client(FORWARDED_BY_X, "127.0.0.1,10.0.0.1, 192.0.2.1, 10.1.2.3,10.3.4.5", "192.0.2.1");
        check_client(FORWARDED_BY_X, "\", 192.0.2.1", "192.0.2.1");
        /* Only proxies, or not told further: the farthest. */
        check_client(FORWARDED_BY_X, "10.0.0.9, 10.0.0.1", "10.0.0.9");
        check_client(FORWARDED_BY_X, "192.0.2.1, unknown, 10.0.0.1", "10.0.0.1");
        check_client(FORWARDED_BY_X, "9.9.9.9,10.0.0.8,10.0.0.7,10.0.0.6,10.0.0.5,10.0.0.4,10.0.0.3,10.0.0.2,10.0.0.1",
                     "10.0.0.8");
        for (size_t i = 0; i < ELEMENTSOF(nobody); i++)
                check_client(FORWARDED_BY_X, nobody[i], NULL);
}

static void test_forwarded(void) {
        check_client(FORWARDED_BY_RFC, "for=192.0.2.1", "192.0.2.1");
        check_client(FORWARDED_BY_RFC, "For=\"[2001:db8::1]:4711\";proto=https", "2001:db8::1");
        check_client(FORWARDED_BY_RFC, "proto=https; by=10.0.0.1;FOR=192.0.2.1:80", "192.0.2.1");
        check_client(FORWARDED_BY_RFC, "for=198.51.100.1, for=192.0.2.1, for=10.0.0.1", "192.0.2.1");
        check_client(FORWARDED_BY_RFC, "for=\"198.51.100.1, for=192.0.2.1", "192.0.2.1");
        check_client(FORWARDED_BY_RFC, "for=unknown", NULL);
        check_client(FORWARDED_BY_RFC, "for=_hidden", NULL);
        check_client(FORWARDED_BY_RFC, "192.0.2.1", NULL);
        check_client(FORWARDED_BY_RFC, "xfor=192.0.2.1", NULL);
        check_client(FORWARDED_BY_RFC, "for=\"", NULL);
        check_client(FORWARDED_BY_RFC, "for=", NULL);
        check_client(FORWARDED_BY_RFC, ";;;", NULL);
}

static void test_header(void) {
        ForwardedHeader h = FORWARDED_BY_X;

        check_int(forwarded_header_parse("forwarded", &h), 0);
        check_int(h, FORWARDED_BY_RFC);
        check_int(forwarded_header_parse("X-Forwarded-For", &h), 0);
        check_int(h, FORWARDED_BY_X);
        check_int(forwarded_header_parse("X-Real-IP", &h), -EINVAL);
}

int main(void) {
        test_proxies();
        test_x_forwarded_for();
        test_forwarded();
        test_header();
        return EXIT_SUCCESS;
}
