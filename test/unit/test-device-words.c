/* SPDX-License-Identifier: MIT */
#include "protocol/device-words.h"

#include "test.h"

/* Levenshtein's, of two short words. */
static unsigned distance(const char *a, const char *b) {
        unsigned row[DEVICE_WORD_MAX + 1];
        size_t n = strlen(b);

        for (unsigned j = 0; j <= n; j++)
                row[j] = j;
        for (unsigned i = 1; a[i - 1]; i++) {
                unsigned before = row[0];
                row[0] = i;
                for (unsigned j = 1; j <= n; j++) {
                        unsigned above = row[j];
                        row[j] = MIN_OF(MIN_OF(row[j] + 1, row[j - 1] + 1), before + (a[i - 1] != b[j - 1]));
                        before = above;
                }
        }
        return row[n];
}

static void test_list(void) {
        for (unsigned i = 0; i < DEVICE_WORD_LIST_SIZE; i++) {
                const char *w = device_word_list[i];
                check(strlen(w) >= 4 && strlen(w) <= DEVICE_WORD_MAX);
                check(w[strspn(w, "abcdefghijklmnopqrstuvwxyz")] == 0);
                if (i > 0)
                        check(strcmp(device_word_list[i - 1], w) < 0); /* each one once */
                for (unsigned k = 0; k < i; k++)
                        check(distance(w, device_word_list[k]) >= 2);
        }
}

static void test_words(void) {
        uint8_t hash[32] = {}, other[32];
        char text[DEVICE_WORDS_TEXT_MAX], expected[128];
        uint64_t bits;

        device_words_format(hash, text);
        (void) snprintf(expected, sizeof(expected), "%1$s %1$s %1$s %1$s %1$s %1$s", device_word_list[0]);
        check_str(text, expected);
        memset(hash, 0xff, sizeof(hash));
        device_words_format(hash, text);
        (void) snprintf(expected, sizeof(expected), "%1$s %1$s %1$s %1$s %1$s %1$s", device_word_list[1023]);
        check_str(text, expected);

        /* 0000000001 0000000010 0000000011 … */
        static const uint8_t count[8] = { 0x00, 0x40, 0x20, 0x0c, 0x04, 0x01, 0x40, 0x6f };
        memcpy(hash, count, sizeof(count));
        device_words_format(hash, text);
        (void) snprintf(expected, sizeof(expected), "%s %s %s %s %s %s", device_word_list[1], device_word_list[2], device_word_list[3],
                        device_word_list[4], device_word_list[5], device_word_list[6]);
        check_str(text, expected);
        check_int(device_words_parse(text, &bits), 0);
        check(device_words_match(bits, hash));

        /* Each of the 60 bits counts, and no other. */
        for (unsigned i = 0; i < 256; i++) {
                memcpy(other, hash, sizeof(hash));
                other[i / 8] ^= (uint8_t) (0x80 >> i % 8);
                check(device_words_match(bits, other) == (i >= 60));
        }
}

static void test_parse(void) {
        char text[128];
        uint64_t bits = 7;
        const char *a = device_word_list[10], *b = device_word_list[500];

        (void) snprintf(text, sizeof(text), "%s-%s %s  %s - %s-%s ", a, b, a, b, a, b);
        check_int(device_words_parse(text, &bits), 0);
        for (char *p = text; *p; p++)
                if (*p >= 'a')
                        *p = (char) (*p - 'a' + 'A');
        uint64_t upper;
        check_int(device_words_parse(text, &upper), 0);
        check(upper == bits);

        /* All six, no more, and only words of the list. */
        (void) snprintf(text, sizeof(text), "%s %s %s %s %s", a, b, a, b, a);
        check_int(device_words_parse(text, &bits), -EINVAL);
        (void) snprintf(text, sizeof(text), "%s %s %s %s %s %s %s", a, b, a, b, a, b, a);
        check_int(device_words_parse(text, &bits), -EINVAL);
        (void) snprintf(text, sizeof(text), "%s %s %s %s %s %sx", a, b, a, b, a, b);
        check_int(device_words_parse(text, &bits), -EINVAL);
        check_int(device_words_parse("", &bits), -EINVAL);
        check_int(device_words_parse("ffff ffff ffff ffff ffff ffff", &bits), -EINVAL);
        check(bits == upper);
}

int main(void) {
        test_list();
        test_words();
        test_parse();
        return EXIT_SUCCESS;
}
