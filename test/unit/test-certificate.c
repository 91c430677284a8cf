/* SPDX-License-Identifier: MIT */
#include "protocol/certificate.h"

#include "test.h"

/* The skeleton of a certificate: nothing but what certificate_parts() looks at. */
#define FIELDS "a003020102 020101 3000 3000 3000 3000 3000"
#define GOOD "301a 3012 " FIELDS " 3000 030200aa"

static int parts_of(const char *text, CertificateParts *ret) {
        _cleanup_bytes_ Bytes b = test_unhex(text);
        CertificateParts p = {};

        int r = certificate_parts(bytes_view(&b), &p);
        if (r >= 0)
                check(view_equal(p.der, bytes_view(&b)));
        else
                check(!p.der.data);
        *ret = (CertificateParts) { .tbs.size = p.tbs.size, .signature.size = p.signature.size, .issuer.size = p.issuer.size,
                                    .subject.size = p.subject.size, .spki.size = p.spki.size };
        return r;
}

static void test_good(void) {
        static const char *const good[] = {
                GOOD,
                "3015 300d 020101 3000 3000 3000 3000 3000 3000 030200aa",                    /* version 1 */
                "3020 3018 " FIELDS " 8100 8200 a300 3000 030200aa",                          /* all that may follow */
        };
        CertificateParts p;

        for (size_t i = 0; i < ELEMENTSOF(good); i++) {
                check_int(parts_of(good[i], &p), 0);
                check_int(p.signature.size, 1);
                check(p.issuer.size == 2 && p.subject.size == 2 && p.spki.size == 2);
        }
        check_int(parts_of(GOOD, &p), 0);
        check_int(p.tbs.size, 20);
}

static void test_bad(void) {
        static const char *const bad[] = {
                "", "3000", "30", "301a",
                GOOD " 00",                                                                   /* something behind */
                "301c 3012 " FIELDS " 3000 030200aa 0500",                                    /* … and within */
                "301a 3012 " FIELDS " 3000 030201aa",                                         /* unused bits */
                "3018 3012 " FIELDS " 3000 0300",                                             /* no signature */
                "301a 3012 " FIELDS " 0500 030200aa", "301a 3012 " FIELDS " 3000 040200aa",
                "301b 3013 " FIELDS " 30 3000 030200aa",                                      /* half a field */
                "301a 3112 " FIELDS " 3000 030200aa",
                "301a 3012 a003020102 020101 3000 3100 3000 3000 3000 3000 030200aa",         /* issuer */
                "301a 3012 a003020102 020101 3000 3000 3000 3100 3000 3000 030200aa",         /* subject */
                "301a 3012 a003020102 020101 3000 3000 3000 3000 3100 3000 030200aa",         /* key */
                "301a 3012 a003020102 020101 3100 3000 3000 3000 3000 3000 030200aa",
                "301a 3012 a003020102 020101 3000 3000 3100 3000 3000 3000 030200aa",
                "301a 3012 a003020102 050101 3000 3000 3000 3000 3000 3000 030200aa",
        };
        CertificateParts p;

        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                if (parts_of(bad[i], &p) != -EINVAL) {
                        fprintf(stderr, "taken: %s\n", bad[i]);
                        abort();
                }
}

int main(void) {
        test_good();
        test_bad();
        return EXIT_SUCCESS;
}
