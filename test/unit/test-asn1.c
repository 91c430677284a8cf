/* SPDX-License-Identifier: MIT */
#include "protocol/asn1.h"
#include "test.h"

static void test_round_trip(void) {
        _cleanup_asn1_ Asn1Value v = {}, again = {};
        _cleanup_bytes_ Bytes der = BYTES_NULL, value = BYTES_NULL, oid = BYTES_NULL;
        Bytes untouched = BYTES_NULL;

        check_int(asn1_value_new("PermanentIdentifier", &v), 0);
        check_int(asn1_value_write(&v, "identifierValue", VIEW_STR("framework")), 0);
        check_int(asn1_value_omit(&v, "assigner"), 0);
        check_int(asn1_value_encode(&v, &der), 0);
        check_hex(bytes_view(&der), "300b0c096672616d65776f726b");

        check_int(asn1_value_new("PermanentIdentifier", &again), 0);
        check_int(asn1_value_decode(VIEW("\x30\x08\x0c\x01x\x06\x03\x2a\x03\x04", 10), &again), 0);
        check_int(asn1_value_read(&again, "identifierValue", 0, &untouched), -E2BIG);
        check_int(asn1_value_read(&again, "identifierValue", 1, &value), 0);
        check_hex(bytes_view(&value), "78");
        check_int(asn1_value_read(&again, "assigner", 64, &oid), 0);
        check_str((const char *) oid.data, "1.2.3.4");
        check(!untouched.data);
}

static void test_bad(void) {
        static const char *const bad[] = {
                "", "30", "3001", "3000 00", "3003 0c0178 00", "3080 0c0178 0000" /* BER */,
                "3003 0c0278", "3003 160178", "3103 0c0178", "3006 0c0178 0c0179",
        };
        Asn1Value none = {};
        Bytes der = BYTES_NULL;

        char long_name[ASN1_MAX_NAME_SIZE + 1] = {};
        memset(long_name, 'A', sizeof(long_name) - 1);
        check_int(asn1_value_new(long_name, &none), -EINVAL);
        check_int(asn1_value_new("NoSuchType", &none), -ENOENT);
        check(!none.node && !none.definitions);
        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                _cleanup_asn1_ Asn1Value v = {};
                _cleanup_bytes_ Bytes b = test_unhex(bad[i]);
                check_int(asn1_value_new("PermanentIdentifier", &v), 0);
                int r = asn1_value_decode(bytes_view(&b), &v);
                if (r != -EBADMSG) {
                        fprintf(stderr, "%s: %d\n", bad[i], r);
                        abort();
                }
        }

        _cleanup_asn1_ Asn1Value v = {};
        check_int(asn1_value_new("TPMKey", &v), 0);
        check_int(asn1_value_write(&v, "nothing", VIEW_STR("x")), -ENOENT);
        check(asn1_value_encode(&v, &der) < 0); /* incomplete */
        check_int(asn1_value_write(&v, "pubkey", VIEW("", ASN1_ENCODED_MAX + 1)), -E2BIG);
        check(!der.data);
}

/* Each part within the limit, but not the whole; and what no field of its kind can hold. */
static void test_limits(void) {
        _cleanup_bytes_ Bytes blob = { .data = calloc(1, ASN1_ENCODED_MAX), .size = ASN1_ENCODED_MAX };
        _cleanup_asn1_ Asn1Value v = {};
        Bytes out = BYTES_NULL;

        check(blob.data);
        check_int(asn1_value_new("TPMKey", &v), 0);
        check_int(asn1_value_write_text(&v, "type", "no dotted text"), -EINVAL);
        check_int(asn1_value_write_text(&v, "type", "2.23.133.10.1.3"), 0);
        check_int(asn1_value_write_text(&v, "emptyAuth", "PERHAPS"), -EINVAL);
        static const char *const optional[] = { "emptyAuth", "policy", "secret", "authPolicy", "description", "rsaParent" };
        for (size_t i = 0; i < ELEMENTSOF(optional); i++)
                check_int(asn1_value_omit(&v, optional[i]), 0);
        check_int(asn1_value_write(&v, "parent", VIEW("\x40\0\0\1", 4)), 0);
        check_int(asn1_value_write(&v, "pubkey", bytes_view(&blob)), 0);
        check_int(asn1_value_write(&v, "privkey", bytes_view(&blob)), 0);
        check_int(asn1_value_encode(&v, &out), -E2BIG);
        check_int(asn1_value_read(&v, "pubkey", ASN1_ENCODED_MAX - 1, &out), -E2BIG);
        check(!out.data);
        check_int(asn1_value_write(&v, "privkey", VIEW_NULL), 0);
        check_int(asn1_value_write(&v, "pubkey", VIEW("x", 1)), 0);
        check_int(asn1_value_encode(&v, &out), 0);
        bytes_done(&out);

        _cleanup_bytes_ Bytes long_der = { .data = calloc(1, ASN1_ENCODED_MAX + 1), .size = ASN1_ENCODED_MAX + 1 };
        check_int(asn1_value_decode(bytes_view(&long_der), &v), -EBADMSG);
}

int main(void) {
        test_round_trip();
        test_bad();
        test_limits();
        return EXIT_SUCCESS;
}
