/* SPDX-License-Identifier: MIT */
#include "protocol/url.h"
#include "test.h"

static void test_parse(void) {
        UrlParts u;

        check_int(url_parse("https://CA.Home.arpa:9443/acme/acme-da/directory?x#y", &u), 0);
        check(u.https && !u.bracketed);
        check_str(u.host, "ca.home.arpa");
        check_int(u.port, 9443);
        check_str(u.path, "/acme/acme-da/directory?x#y");
        check_int(url_parse("http://[2001:DB8::1]", &u), 0);
        check(!u.https && u.bracketed);
        check_str(u.host, "2001:db8::1");
        check_int(u.port, 80);
        check_str(u.path, "");
        check_int(url_parse("HTTPS://127.0.0.1?q", &u), 0);
        check_int(u.port, 443);
        check_str(u.path, "?q");
}

static void test_bad(void) {
        static const char *const bad[] = {
                "",
                "https",
                "https:",
                "https:/",
                "https://",
                "https:///x",
                "https://:443/",
                "//host/",
                "host",
                "ftp://h/",
                "file:///etc/passwd",
                "javascript:alert(1)",
                "https://u@h/",
                "https://u:p@h/",
                "https://h:/",
                "https://h:0/",
                "https://h:65536/",
                "https://h:99999999999999999999/",
                "https://h:-1/",
                "https://h:4 43/",
                "https://h:443x/",
                "https://h h/",
                "https://h/a b",
                "https://h/\n",
                "https://h/\x7f",
                "https://h/\xc3\xa9",
                "https://é/",
                "https://[::1/",
                "https://::1]/",
                "https://[]/",
                "https://[::g]/",
                "https://[::1]x/",
                "https://[::1%25eth0]/",
                "https://[abc]/",
                "https://h\\@evil/",
                "https://h/\\",
                "https://h/<",
                "https://h/\"",
                "https://.h/",
                "https://h..x/",
                "https://-h/",
                "https://h%2f/",
                " https://h/",
                "https://h/ ",
        };
        char long_url[URL_MAX + 2] = "https://h/";

        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                if (url_valid(bad[i])) {
                        fprintf(stderr, "accepted: %s\n", bad[i]);
                        abort();
                }
        memset(long_url + 10, 'a', URL_MAX - 10);
        check(url_valid(long_url));
        long_url[URL_MAX] = 'a';
        check(!url_valid(long_url));
        memset(long_url + 8, 'a', URL_HOST_MAX + 1);
        strcpy(long_url + 8 + URL_HOST_MAX + 1, "/");
        check(!url_valid(long_url));
        strcpy(long_url + 8 + URL_HOST_MAX, "/");
        check(url_valid(long_url));
        check(url_valid_https("https://h"));
        check(!url_valid_https("http://h"));
}

static void test_origin(void) {
        static const char *const same[][2] = {
                { "https://h/a", "https://h/b" },     { "https://h", "https://H:443/" },
                { "https://[::1]/", "https://[::1]:443/x" }, { "http://h:80", "http://h" },
        };
        static const char *const other[][2] = {
                { "https://h/", "http://h/" },        { "https://h/", "https://h:444/" },
                { "https://h/", "https://h.evil/" },  { "https://h/", "https://xh/" },
                { "https://h/", "https://h@evil/" },  { "http://h:443/", "https://h/" },
                { "https://h/", "h" },                { "", "" },
        };

        for (size_t i = 0; i < ELEMENTSOF(same); i++)
                check(url_same_origin(same[i][0], same[i][1]));
        for (size_t i = 0; i < ELEMENTSOF(other); i++)
                check(!url_same_origin(other[i][0], other[i][1]));
}

static void test_join(void) {
        _cleanup_free_ char *a = NULL, *b = NULL;
        char base[URL_MAX] = {};

        check_int(url_join("https://h/acme", "directory", &a), 0);
        check_str(a, "https://h/acme/directory");
        check_int(url_join("https://h//", "attest", &b), 0);
        check_str(b, "https://h/attest");
        memset(base, 'a', sizeof(base) - 1);
        check_int(url_join(base, "x", &b), -EINVAL);
}

static void test_loopback(void) {
        static const char *const yes[] = { "http://127.0.0.1", "http://127.1.2.3:80/x", "http://[::1]:8080", "https://LOCALHOST" };
        static const char *const no[] = {
                "http://127.evil.example", "http://128.0.0.1", "http://[::2]", "http://localhost.example", "http://0.0.0.0",
        };
        UrlParts u;

        for (size_t i = 0; i < ELEMENTSOF(yes); i++) {
                check_int(url_parse(yes[i], &u), 0);
                check(url_is_loopback(&u));
        }
        for (size_t i = 0; i < ELEMENTSOF(no); i++) {
                check_int(url_parse(no[i], &u), 0);
                check(!url_is_loopback(&u));
        }
}

int main(void) {
        test_loopback();
        test_parse();
        test_bad();
        test_origin();
        test_join();
        return EXIT_SUCCESS;
}
