/* SPDX-License-Identifier: MIT */
#include "protocol/certificate-view.h"

#include "test.h"

/* An empty subject, permanentIdentifier "framework", step's extension with provisioner "acme-da". */
static const char leaf[] =
        "-----BEGIN CERTIFICATE-----\n"
        "MIICqTCCAk6gAwIBAgIQRUggaqBX6MFBqYgUfpbAnjAKBggqhkjOPQQDAjAuMR0w\n"
        "GwYDVQQDDBRUZXN0IEludGVybWVkaWF0ZSBDQTENMAsGA1UECgwEVGVzdDAeFw0y\n"
        "NjExMjQwNzQyNTZaFw0yNjExMjUwNzQyNTZaMAAwggEiMA0GCSqGSIb3DQEBAQUA\n"
        "A4IBDwAwggEKAoIBAQDc2kAqJhSPRPN72jcP67/JMUOG61nymnQVq5vrf+zKj/D8\n"
        "y62WZBlqz07GMEE717vQn9YVPEcsznM/2QEhG/Nq0e4O4VhMAJ4Dvm9gSlXCkfXC\n"
        "Oms3wvo6YQJ6zzC+qYMdPy2BhVqTNUYu+1y1FmrZnlK+SEhJSl13FDyOboY6MdFU\n"
        "dgER0kVn52JohagsrTqIkyudX+jaBs8/33xiveZKqbTgK6lHxtLWoCAwMIFgo7QG\n"
        "yTV8mRcSgZ+lUml+nKBgM46LOf0O8LXVVOvXfqvEbYqHtGHimPWxLqc/STd5sg+R\n"
        "+bRdb7HCgPcDPBSj0Pz/e+cirX2NjFex1veSqb05AgMBAAGjgbAwga0wCQYDVR0T\n"
        "BAIwADAOBgNVHQ8BAf8EBAMCB4AwJwYDVR0RAQH/BB0wG6AZBggrBgEFBQcIA6AN\n"
        "MAsMCWZyYW1ld29yazAnBgwrBgEEAYKkZMYoQAEEFzAVAgEGBAdhY21lLWRhBAAw\n"
        "BQwDb25lMB0GA1UdDgQWBBTbh18D3lxin7eJ3adnTakDkvPobDAfBgNVHSMEGDAW\n"
        "gBT+ofvnRz5pdWyWfB2nyYrIDEmanzAKBggqhkjOPQQDAgNJADBGAiEA4hWPhwK4\n"
        "iLd/vNKFDcvV3G9YrAan6ArXRKm72JY1luUCIQCJ1rhGny3kLZ08tkZx8kTo39zD\n"
        "0X+4yUBpMxdgt+VzCQ==\n"
        "-----END CERTIFICATE-----\n";
/* Subject "O=Only an organisation", a provisioner extension that is none. */
static const char other[] =
        "-----BEGIN CERTIFICATE-----\n"
        "MIIBfjCCASOgAwIBAgIBBzAKBggqhkjOPQQDAjAuMR0wGwYDVQQDDBRUZXN0IElu\n"
        "dGVybWVkaWF0ZSBDQTENMAsGA1UECgwEVGVzdDAeFw0yNjExMjQwNzQyMjFaFw0y\n"
        "NjExMjUwNzQyMjFaMB8xHTAbBgNVBAoMFE9ubHkgYW4gb3JnYW5pc2F0aW9uMFkw\n"
        "EwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEkJ6bIpOlc1iiLhynxVhX6Qh6CSMwoGfA\n"
        "timtat9Wc7rdo+8lsUkVOCR7SxJA13Rd8LqswUjCXF88caX1gGdJ0aNBMD8wHgYM\n"
        "KwYBBAGCpGTGKEABBA4wDAIBBgwHYWNtZS1kYTAdBgNVHQ4EFgQU/qH750c+aXVs\n"
        "lnwdp8mKyAxJmp8wCgYIKoZIzj0EAwIDSQAwRgIhANekf//LQ3COBQWHk63Z1j19\n"
        "fJVJC3lfwqm4yyHJOrs+AiEAr5j0bx6/tRx8EvPOXjkqn1r0cqRa3U0dZWmWESzJ\n"
        "RPY=\n"
        "-----END CERTIFICATE-----\n";
static const char issuer[] =
        "-----BEGIN CERTIFICATE-----\n"
        "MIIBhDCCASugAwIBAgIHARVoOIQVbzAKBggqhkjOPQQDAjAuMR0wGwYDVQQDDBRU\n"
        "ZXN0IEludGVybWVkaWF0ZSBDQTENMAsGA1UECgwEVGVzdDAgFw0yNjExMjQwNzQy\n"
        "MjFaGA8yMTI2MTAzMTA3NDIyMVowLjEdMBsGA1UEAwwUVGVzdCBJbnRlcm1lZGlh\n"
        "dGUgQ0ExDTALBgNVBAoMBFRlc3QwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAASQ\n"
        "npsik6VzWKIuHKfFWFfpCHoJIzCgZ8C2Ka1q31Zzut2j7yWxSRU4JHtLEkDXdF3w\n"
        "uqzBSMJcXzxxpfWAZ0nRozIwMDAPBgNVHRMBAf8EBTADAQH/MB0GA1UdDgQWBBT+\n"
        "ofvnRz5pdWyWfB2nyYrIDEmanzAKBggqhkjOPQQDAgNHADBEAiBA2FIRdAP9WwaP\n"
        "Kb5wT5bilAsAFfpGd7XWdmwQllJNPQIgYKZPR21Z11Y+Y2qGbyAb+gLobTgjNTA6\n"
        "+nHLGMc5wFk=\n"
        "-----END CERTIFICATE-----\n";

static void test_chain(void) {
        _cleanup_certificate_chain_view_ CertificateChainView c = {};
        char pem[sizeof(leaf) + sizeof(issuer)];

        (void) snprintf(pem, sizeof(pem), "%s%s", leaf, issuer);
        check_int(certificate_chain_view_from_pem(VIEW_STR(pem), &c), 0);
        check_int(c.n, 2);
        check_str(c.certificates[0].subject, "framework");
        check_str(c.certificates[0].issuer, "Test Intermediate CA");
        check_str(c.certificates[0].provisioner, "acme-da");
        check_str(c.certificates[0].serial, "92091234567890123456789012345678905502");
        check_str(c.certificates[0].key, "RSA 2048");
        check_int(c.certificates[0].not_before, 1795506176);
        check_int(c.certificates[0].not_after, 1795592576);
        check_str(c.certificates[1].subject, "Test Intermediate CA");
        check(!c.certificates[1].provisioner);
        check_str(c.certificates[1].serial, "305012345673071");
        check_str(c.certificates[1].key, "ECDSA P-256");
}

static void test_other(void) {
        _cleanup_certificate_chain_view_ CertificateChainView c = {};

        check_int(certificate_chain_view_from_pem(VIEW_STR(other), &c), 0);
        check_int(c.n, 1);
        check_str(c.certificates[0].subject, "O=Only an organisation");
        check(!c.certificates[0].provisioner);
        check_str(c.certificates[0].serial, "7");
}

static void test_refused(void) {
        static char many[(CERTIFICATE_VIEW_MAX + 1) * sizeof(issuer)], big[CERTIFICATE_VIEW_PEM_MAX + 1];
        CertificateChainView c = {};
        char cut[sizeof(leaf)];

        check_int(certificate_chain_view_from_pem(VIEW_NULL, &c), -EBADMSG);
        check_int(certificate_chain_view_from_pem(VIEW_STR("no certificate"), &c), -EBADMSG);
        check_int(certificate_chain_view_from_pem(VIEW_ARRAY(big), &c), -E2BIG);
        memcpy(cut, leaf, sizeof(leaf));
        memcpy(cut + 100, "AAAA", 4);
        check_int(certificate_chain_view_from_pem(VIEW_STR(cut), &c), -EBADMSG);
        for (size_t i = 0; i <= CERTIFICATE_VIEW_MAX; i++)
                strcat(many, issuer);
        check_int(certificate_chain_view_from_pem(VIEW_STR(many), &c), -E2BIG);
        check_int(c.n, 0);
}

static void test_serial(void) {
        char s[CERTIFICATE_VIEW_SERIAL_SHORT];

        certificate_serial_short("92091234567890123456789012345678905502", s);
        check_str(s, "9209...5502");
        certificate_serial_short("12345678901", s);
        check_str(s, "12345678901");
        certificate_serial_short("123456789012", s);
        check_str(s, "1234...9012");
}

int main(void) {
        test_chain();
        test_other();
        test_refused();
        test_serial();
        return EXIT_SUCCESS;
}
