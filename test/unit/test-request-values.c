/* SPDX-License-Identifier: MIT */
#include "agent/request-values.h"

#include "test.h"

static void check_url(int (*f)(const char *, char **), const char *url, const char *expected) {
        char *s = NULL;
        int r = f(url, &s);

        if (!expected) {
                check_int(r, -EINVAL);
                check(!s);
                return;
        }
        check_int(r, 0);
        check_str(s, expected);
        free(s);
}

static void test_urls(void) {
        check_url(request_acme_url, "https://ca.home.arpa/acme/acme-da", "https://ca.home.arpa/acme/acme-da");
        check_url(request_acme_url, "https://ca.home.arpa/acme/acme-da/", "https://ca.home.arpa/acme/acme-da");
        check_url(request_acme_url, "https://ca.home.arpa/acme/acme-da/directory", "https://ca.home.arpa/acme/acme-da");
        check_url(request_acme_url, "https://ca.home.arpa:9000//", "https://ca.home.arpa:9000");
        check_url(request_acme_url, "http://localhost/acme", NULL);
        check_url(request_acme_url, "https://ca.home.arpa/?x", NULL);
        check_url(request_acme_url, "https://ca.home.arpa/#x", NULL);
        check_url(request_acme_url, "https://user@ca.home.arpa/", NULL);
        check_url(request_acme_url, "ca.home.arpa", NULL);
        check_url(request_acme_url, "", NULL);

        check_url(request_attestation_url, "https://attezt.home.arpa/", "https://attezt.home.arpa");
        check_url(request_attestation_url, "http://127.0.0.1:8080", "http://127.0.0.1:8080");
        check_url(request_attestation_url, "http://127.255.0.9", "http://127.255.0.9");
        check_url(request_attestation_url, "http://[::1]:8080/", "http://[::1]:8080");
        check_url(request_attestation_url, "http://localhost/", "http://localhost");
        check_url(request_attestation_url, "http://localhost.example/", NULL);
        check_url(request_attestation_url, "http://127.0.0.1.example/", NULL);
        check_url(request_attestation_url, "http://128.0.0.1/", NULL);
        check_url(request_attestation_url, "http://[::2]/", NULL);
        check_url(request_attestation_url, "http://attezt.home.arpa/", NULL);
}

static void test_names(void) {
        check(request_name_valid("framework"));
        check(request_name_valid("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"));
        check(!request_name_valid(""));
        check(!request_name_valid("a b"));
        check(!request_name_valid("*.home.arpa"));
}

static void test_eab_keys(void) {
        Bytes key = BYTES_NULL;

        check_int(request_eab_key(VIEW_STR("c2VjcmV0 \r\n"), &key), 0);
        check(view_equal(bytes_view(&key), VIEW_STR("secret")));
        bytes_erase(&key);
        check_int(request_eab_key(VIEW_STR("c2VjcmV0cw==\n"), &key), 0);
        check(view_equal(bytes_view(&key), VIEW_STR("secrets")));
        bytes_erase(&key);
        check_int(request_eab_key(VIEW_STR("c2Vj cmV0"), &key), -EINVAL);
        check_int(request_eab_key(VIEW_STR("\n"), &key), -EINVAL);
        check_int(request_eab_key(VIEW_NULL, &key), -EINVAL);
        check(!key.data);
}

int main(void) {
        test_urls();
        test_names();
        test_eab_keys();
        return EXIT_SUCCESS;
}
