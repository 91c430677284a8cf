/* SPDX-License-Identifier: MIT */
#include "protocol/device-names.h"

#include "test.h"

#define SIXTEEN "0123456789abcdef"
#define HASH SIXTEEN SIXTEEN SIXTEEN SIXTEEN

static void test_names(void) {
        static const char *const good[] = {
                "a", "7", "framework", "Framework", "device-01", "laptop.home.arpa", "a@b",
                "00:11:22:33:44:55", "c++", "x_y",
                SIXTEEN SIXTEEN SIXTEEN "0123456789abcde",  /* 63 digits: no hash */
                SIXTEEN SIXTEEN SIXTEEN "0123456789abcdeg",        /* 64 characters, not all of them hex */
        };
        static const char *const bad[] = {
                "", ".a", "-a", "_a", ":a", "@a", "+a", " a", "a ", "a b", "a/b", "*.a", "a*", "a\n",
                "a\x01", "\x7f", "a,b", "a=b", "na\xc3\xafve", "\xff", "a\\b", "a\"b", "a;b", "a'b", "a%b",
                "a?b", "a#b", "a(b", "[::1]",
                HASH, "0123456789ABCDEF" SIXTEEN SIXTEEN SIXTEEN, /* would be taken for a device's hash */
                SIXTEEN SIXTEEN SIXTEEN SIXTEEN "g",             /* 65 characters */
        };

        for (size_t i = 0; i < ELEMENTSOF(good); i++)
                if (!device_name_valid(good[i])) {
                        fprintf(stderr, "refused: \"%s\"\n", good[i]);
                        check(false);
                }
        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                if (device_name_valid(bad[i])) {
                        fprintf(stderr, "taken: \"%s\"\n", bad[i]);
                        check(false);
                }

        /* Every character, alone and behind a letter. */
        static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
        for (int c = 1; c < 256; c++) {
                bool first = strchr(letters, (char) c);
                bool other = first || strchr("._-:@+", (char) c);
                check_int(device_name_valid((char[]) { (char) c, 0 }), first);
                check_int(device_name_valid((char[]) { 'a', (char) c, 0 }), other);
        }
}

static void test_fold(void) {
        char folded[DEVICE_NAME_MAX + 1];

        device_name_fold("FrameWORK.Home-01:@+_Z", folded);
        check_str(folded, "framework.home-01:@+_z");
        device_name_fold(HASH "too long", folded);
        check_str(folded, HASH);
}

static void test_hashes(void) {
        static const char *const bad[] = {
                "", "0", SIXTEEN, HASH "0", " " HASH, HASH "\n",
                SIXTEEN SIXTEEN SIXTEEN "0123456789abcde",
                SIXTEEN SIXTEEN SIXTEEN "0123456789abcdeg",
                "0x" SIXTEEN SIXTEEN SIXTEEN "0123456789abcd",
        };
        uint8_t hash[32] = { 0x55 };
        char text[DEVICE_HASH_TEXT + 1];

        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                check(!device_hash_valid(bad[i]));
                check_int(device_hash_parse(bad[i], hash), -EINVAL);
                check_int(hash[0], 0x55);
        }
        check_int(device_hash_parse("2EA8888a4a935bfd418e6a700785655b"
                                    "0d2711abc52e71f1dbeeee03e9650396", hash), 0);
        device_hash_format(hash, text);
        check_str(text, "2ea8888a4a935bfd418e6a700785655b0d2711abc52e71f1dbeeee03e9650396");
}

int main(void) {
        test_names();
        test_fold();
        test_hashes();
        return EXIT_SUCCESS;
}
