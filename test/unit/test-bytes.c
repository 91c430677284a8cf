/* SPDX-License-Identifier: MIT */
#include "test.h"

static void test_hex(void) {
        char text[9];
        Bytes b = BYTES_NULL;

        hex_encode(VIEW("\x00\x1f\xa0\xff", 4), text);
        check_str(text, "001fa0ff");
        check_int(hex_decode("001FA0ff", 8, &b), 0);
        check(view_equal(bytes_view(&b), VIEW("\x00\x1f\xa0\xff", 4)));
        bytes_done(&b);
        check_int(hex_decode("0", 1, &b), -EINVAL);
        check_int(hex_decode("0g", 2, &b), -EINVAL);
        check(!b.data);
}

static void test_base64(void) {
        /* RFC 4648, section 10 */
        static const char *const vectors[][2] = {
                { "", "" },           { "f", "Zg==" },         { "fo", "Zm8=" },         { "foo", "Zm9v" },
                { "foob", "Zm9vYg==" }, { "fooba", "Zm9vYmE=" }, { "foobar", "Zm9vYmFy" },
        };
        static const char *const bad[] = {
                "Zg", "Zg=", "Zg===", "Zh==", "Zm9=", "Zm9v\n", "Z m9", "Zm9-", "=", "====", "Z===", "Zg==Zg==", "Zm9v=",
        };

        for (size_t i = 0; i < ELEMENTSOF(vectors); i++) {
                _cleanup_free_ char *text = NULL;
                _cleanup_bytes_ Bytes b = BYTES_NULL;
                check_int(base64_encode(VIEW_STR(vectors[i][0]), &text), 0);
                check_str(text, vectors[i][1]);
                check_int(base64_decode(text, strlen(text), 100, &b), 0);
                check(view_equal(bytes_view(&b), VIEW_STR(vectors[i][0])));
        }
        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                Bytes b = BYTES_NULL;
                check_int(base64_decode(bad[i], strlen(bad[i]), 100, &b), -EINVAL);
                check(!b.data);
        }

        Bytes b = BYTES_NULL;
        check_int(base64_decode("Zm9v", 4, 2, &b), -E2BIG);
        check_int(base64url_decode("Zg==", 4, 9, &b), -EINVAL);
        check_int(base64url_decode("-_8", 3, 2, &b), 0);
        check(view_equal(bytes_view(&b), VIEW("\xfb\xff", 2)));
        bytes_done(&b);
        check_int(base64url_decode("+/8", 3, 2, &b), -EINVAL);
        check_int(base64url_decode("A", 1, 2, &b), -EINVAL);
}

static void test_reader(void) {
        ByteReader r = READER(VIEW("\x01\x02\x03\x04\x05\x06\x07", 7));
        uint8_t two[2] = {};

        check_int(read_u8(&r), 1);
        check_int(read_u16(&r), 0x0203);
        check_int(read_view(&r, 2).size, 2);
        check(!reader_done(&r));
        read_into(&r, two, 2);
        check_int(two[1], 7);
        check(reader_done(&r));
        check_int(read_u8(&r), 0);
        check(!reader_done(&r));

        r = READER(VIEW("\x01", 1));
        check_int(read_u32(&r), 0);
        check_int(read_u8(&r), 0); /* sticky: the byte that is there is not given either */
        check(!reader_done(&r));
}

static void test_writer(void) {
        uint8_t buffer[16];
        ByteWriter w = WRITER(buffer, 15);

        write_u8(&w, 1);
        write_u16(&w, 0x0203);
        write_u32(&w, 0x04050607);
        write_u64(&w, 0x08090a0b0c0d0e0f);
        check(!w.failed);
        check_hex(writer_view(&w), "0102030405060708090a0b0c0d0e0f");
        write_u8(&w, 1);
        check(w.failed);
        check_int(w.size, 15);
}

int main(void) {
        test_hex();
        test_base64();
        test_reader();
        test_writer();
        check(view_equal_secret(VIEW_STR("abc"), VIEW_STR("abc")));
        check(!view_equal_secret(VIEW_STR("abc"), VIEW_STR("abd")));
        check(!view_equal_secret(VIEW_STR("abc"), VIEW_STR("ab")));
        return EXIT_SUCCESS;
}
