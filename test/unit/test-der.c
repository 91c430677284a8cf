/* SPDX-License-Identifier: MIT */
#include "protocol/der.h"

#include "test.h"

static void test_read(void) {
        _cleanup_bytes_ Bytes b = test_unhex("3007 0201 05 8002 abcd 0500");
        ByteReader r = READER(bytes_view(&b));

        check(der_next_is(&r, DER_SEQUENCE));
        check(!der_next_is(&r, DER_SET));
        ByteReader inside = read_der_inside(&r, DER_SEQUENCE);
        check_hex(read_der_as(&inside, DER_INTEGER), "05");
        DerElement e = read_der(&inside);
        check_int(e.identifier, DER_CONTEXT(0));
        check_hex(e.content, "abcd");
        check_hex(e.whole, "8002abcd");
        check(reader_done(&inside));
        check(!der_next_is(&inside, DER_INTEGER));
        check_int(read_der(&r).content.size, 0);
        check(reader_done(&r));
}

static void test_lengths(void) {
        uint8_t large[70000] = {};
        static const size_t sizes[] = { 0, 1, 127, 128, 255, 256, 65535, 65536 };

        for (size_t i = 0; i < ELEMENTSOF(sizes); i++) {
                static uint8_t buffer[80000];
                ByteWriter w = WRITER(buffer, sizeof(buffer));
                write_der(&w, DER_UTF8_STRING, VIEW(large, sizes[i]));
                check(!w.failed);
                ByteReader r = READER(writer_view(&w));
                check_int(read_der_as(&r, DER_UTF8_STRING).size, sizes[i]);
                check(reader_done(&r));
        }

        ByteWriter w = WRITER(large, 4);
        write_der(&w, DER_UTF8_STRING, VIEW_STR("12"));
        check(!w.failed);
        w = WRITER(large, 3);
        write_der(&w, DER_UTF8_STRING, VIEW_STR("12"));
        check(w.failed);
}

static void test_refused(void) {
        static const char *const bad[] = {
                "", "30", "3001", "300200", "3080 0000", /* indefinite */
                "3081", "308101", "3082 0001", "3084 ffffffff 00", "3085 0100000000 00", "30ff 00",
                "1f01 00", "3f01 00",                    /* tag numbers of several octets */
        };

        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                _cleanup_bytes_ Bytes b = test_unhex(bad[i]);
                ByteReader r = READER(bytes_view(&b));
                DerElement e = read_der(&r);
                if (!r.failed)
                        fprintf(stderr, "taken: %s\n", bad[i]);
                check(r.failed && !e.content.data && !e.whole.data);
                check(!reader_done(&r));
        }

        /* Another identifier; and failure goes on from the outer reader to the inner. */
        _cleanup_bytes_ Bytes b = test_unhex("3000");
        ByteReader r = READER(bytes_view(&b));
        ByteReader inside = read_der_inside(&r, DER_SET);
        check(r.failed && inside.failed);
        check(!reader_done(&inside));
        check_int(read_der_as(&inside, DER_INTEGER).size, 0);
}

int main(void) {
        test_read();
        test_lengths();
        test_refused();
        return EXIT_SUCCESS;
}
