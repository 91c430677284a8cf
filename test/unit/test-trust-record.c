/* SPDX-License-Identifier: MIT */
#include "protocol/trust-record.h"

#include "test.h"

#define PEM "-----BEGIN CERTIFICATE-----\nAQID\n-----END CERTIFICATE-----\n"
#define HEAD "# Kept by atteztd; see \"attezt ca trust list\".\n"

static void test_encode(void) {
        TrustRecord r = { .added = 1790000000, .uid = 1000 }, back;
        _cleanup_bytes_ Bytes text = BYTES_NULL, der = BYTES_NULL;
        uint8_t large[16 * 1024];

        check_int(trust_source_set(&r, "a\nb\x7f \xc3\xa4"), 0);
        check_int(trust_record_encode(&r, VIEW("\1\2\3", 3), &text), 0);
        check(view_equal(bytes_view(&text),
                         VIEW_STR(HEAD "# added: 1790000000\n# uid: 1000\n# source: a b  \xc3\xa4\n" PEM)));
        check_int(trust_record_decode(bytes_view(&text), &back, &der), 0);
        check_int(back.added, 1790000000);
        check_int(back.uid, 1000);
        check_str(back.source, "a b  \xc3\xa4");
        check(view_equal(bytes_view(&der), VIEW("\1\2\3", 3)));
        bytes_done(&der);
        bytes_done(&text);

        memset(large, 0xa5, sizeof(large));
        memset(r.source, 'x', TRUST_SOURCE_MAX);
        r.added = 999999999999;
        r.uid = UINT32_MAX;
        check_int(trust_record_encode(&r, VIEW(large, sizeof(large)), &text), 0);
        check_int(trust_record_decode(bytes_view(&text), &back, &der), 0);
        check(view_equal(bytes_view(&der), VIEW(large, sizeof(large))));
        check_int(strlen(back.source), TRUST_SOURCE_MAX);
        check_int(back.uid, UINT32_MAX);
}

static void test_decode_refused(void) {
        static const char *const bad[] = {
                "", PEM, HEAD PEM, HEAD "# added: 1\n" PEM, HEAD "# added: 1\n# uid: 0\n" PEM,
                HEAD "# added: \n# uid: 0\n# source: \n" PEM, HEAD "# added: -1\n# uid: 0\n# source: \n" PEM,
                HEAD "# added: 1\n# uid: 4294967296\n# source: \n" PEM,
                HEAD "# added: 99999999999999999999\n# uid: 0\n# source: \n" PEM,
                HEAD "# added: 1\n# uid: 0\n# source: \n" "-----BEGIN CERTIFICATE-----\nAQI\n-----END CERTIFICATE-----\n",
                HEAD "# added: 1\n# uid: 0\n# source: \n" PEM "x",
                HEAD "# added: 1\n# uid: 0\n# source: \n\n" PEM,
                HEAD "# added: 1\n# uid: 0\n# source: ",
        };
        TrustRecord r = { .uid = 7 };
        Bytes der = BYTES_NULL;

        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                check_int(trust_record_decode(VIEW_STR(bad[i]), &r, &der), -EBADMSG);
        check_int(r.uid, 7);
        check(!der.data);

        char text[TRUST_SOURCE_MAX + 2];
        memset(text, 'x', sizeof(text) - 1);
        text[sizeof(text) - 1] = 0;
        check_int(trust_source_set(&r, text), -E2BIG);
        text[TRUST_SOURCE_MAX] = 0;
        check_int(trust_source_set(&r, text), 0);
}

static void test_places(void) {
        TrustPlace p = {};
        char text[TRUST_PLACE_TEXT], vendor[TPM_VENDOR_MAX_NAME];

        trust_place_format(&p, text);
        check_str(text, "");
        trust_place_enter(&p, "STMicro");
        trust_place_enter(&p, "RootCA");
        check_str(p.vendor, "STM");
        trust_place_enter(&p, "anchors");
        trust_place_format(&p, text);
        check_str(text, "STM/anchors/");
        trust_place_enter(&p, "distrusted");
        trust_place_format(&p, text);
        check_str(text, "distrusted/");

        check_int(trust_vendor_parse("Infineon", vendor), 0);
        check_str(vendor, "IFX");
        check_int(trust_vendor_parse("", vendor), 0);
        check_str(vendor, "");
        check_int(trust_vendor_parse("Anchors", vendor), -EINVAL);
        check_int(trust_vendor_parse("distrusted", vendor), -EINVAL);
        check_int(trust_vendor_parse("../x", vendor), -EINVAL);
}

static void test_fingerprints(void) {
        char text[TRUST_FINGERPRINT_TEXT + 1];
        const char *const abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

        trust_fingerprint(VIEW_STR("abc"), text);
        check_str(text, abc);
        text[0] = 0;
        check_int(trust_fingerprint_parse("BA:78:16:BF:8F:01:CF:EA:41:41:40:DE:5D:AE:22:23:B0:03:61:A3:96:17:7A:9C:B4:10:"
                                          "FF:61:F2:00:15:AD", text), 0);
        check_str(text, abc);
        check_int(trust_fingerprint_parse("", text), -EINVAL);
        check_int(trust_fingerprint_parse(abc + 1, text), -EINVAL);
        check_int(trust_fingerprint_parse("zz7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", text),
                  -EINVAL);
        check_int(trust_fingerprint_parse("00ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", text),
                  -EINVAL);
}

int main(void) {
        test_encode();
        test_decode_refused();
        test_places();
        test_fingerprints();
        return EXIT_SUCCESS;
}
