/* SPDX-License-Identifier: MIT */
#include "protocol/attestation-object.h"
#include "test.h"

static const ByteView chain[] = { { (const uint8_t *) "\x01\x02", 2 }, { (const uint8_t *) "\x03", 1 } };

static AttestationObject skeleton(void) {
        return (AttestationObject) {
                .alg = COSE_RS256,
                .x5c = chain,
                .n_x5c = ELEMENTSOF(chain),
                .sig = VIEW("\xaa\xaa\xaa", 3),
                .cert_info = VIEW("\xbb\xbb", 2),
                .pub_area = VIEW("\xcc", 1),
        };
}

static void test_known_answer(void) {
        AttestationObject o = skeleton();
        _cleanup_bytes_ Bytes b = BYTES_NULL, es256 = BYTES_NULL;
        _cleanup_free_ char *text = NULL;

        check_int(attestation_object_build(&o, &b), 0);
        check_hex(bytes_view(&b), "a263666d746374706d6761747453746d74a66376657263322e3063616c67390100"
                                  "637835638242010241036373696743aaaaaa6863657274496e666f42bbbb"
                                  "677075624172656141cc");
        check_int(base64url_encode(bytes_view(&b), &text), 0);
        check_str(
                text,
                "omNmbXRjdHBtZ2F0dFN0bXSmY3ZlcmMyLjBjYWxnOQEAY3g1Y4JCAQJBA2NzaWdDqqqqaGNlcnRJbmZvQru7Z3B1Yk"
                "FyZWFBzA");
        o.alg = COSE_ES256;
        check_int(attestation_object_build(&o, &es256), 0);
        check_hex(VIEW(es256.data + 26, 9), "63616c67 26 63783563"); /* "alg" -7 "x5c" */
}

/* The head of a byte string of n bytes, of which pub_area, the last one, is made. */
static void check_head(size_t n, const char *head) {
        _cleanup_bytes_ Bytes b = BYTES_NULL, area = { .data = calloc(1, n), .size = n };
        AttestationObject o = skeleton();
        size_t head_size = strlen(head) / 2;

        check(area.data);
        o.pub_area = bytes_view(&area);
        check_int(attestation_object_build(&o, &b), 0);
        check_hex(VIEW(b.data + b.size - n - head_size, head_size), head);
}

static void test_limits(void) {
        static uint8_t big[ATTESTATION_OBJECT_MAX + 1];
        ByteView many[ATTESTATION_CHAIN_MAX + 1];
        AttestationObject o;
        Bytes b = BYTES_NULL;

        check_head(23, "57");
        check_head(24, "5818");
        check_head(255, "58ff");
        check_head(256, "590100");

        o = skeleton();
        o.cert_info = VIEW_ARRAY(big);
        check_int(attestation_object_build(&o, &b), -E2BIG);
        o.cert_info = VIEW(big, ATTESTATION_OBJECT_MAX - 10);
        check_int(attestation_object_build(&o, &b), -E2BIG);

        for (size_t i = 0; i < ELEMENTSOF(many); i++)
                many[i] = VIEW("\x01", 1);
        o = skeleton();
        o.x5c = many;
        o.n_x5c = ELEMENTSOF(many);
        check_int(attestation_object_build(&o, &b), -E2BIG);
        many[1] = VIEW_NULL;
        o.n_x5c = 2;
        check_int(attestation_object_build(&o, &b), -EINVAL);
        o.n_x5c = 0;
        check_int(attestation_object_build(&o, &b), -EINVAL);

        o = skeleton();
        o.sig = VIEW_NULL;
        check_int(attestation_object_build(&o, &b), -EINVAL);
        o = skeleton();
        o.cert_info = VIEW_NULL;
        check_int(attestation_object_build(&o, &b), -EINVAL);
        o = skeleton();
        o.pub_area = VIEW_NULL;
        check_int(attestation_object_build(&o, &b), -EINVAL);
        check(!b.data);
}

int main(void) {
        test_known_answer();
        test_limits();
        return EXIT_SUCCESS;
}
