/* SPDX-License-Identifier: MIT */
#include "protocol/device-words.h"

#define WORD_BITS 10U

static uint64_t first_bits(const uint8_t hash[static 32]) {
        uint64_t x = 0;

        for (unsigned i = 0; i < 8; i++)
                x = x << 8 | hash[i];
        return x >> (64 - DEVICE_WORDS * WORD_BITS);
}

void device_words_format(const uint8_t hash[static 32], char ret[static DEVICE_WORDS_TEXT_MAX]) {
        uint64_t bits = first_bits(hash);
        char *end = ret;

        for (unsigned i = DEVICE_WORDS; i > 0; i--) {
                if (end > ret)
                        *end++ = ' ';
                end = stpcpy(end, device_word_list[bits >> (i - 1) * WORD_BITS & (DEVICE_WORD_LIST_SIZE - 1)]);
        }
}

static int find_word(const char *text, size_t n) {
        for (unsigned i = 0; n <= DEVICE_WORD_MAX && i < DEVICE_WORD_LIST_SIZE; i++)
                if (strlen(device_word_list[i]) == n && strncasecmp(device_word_list[i], text, n) == 0)
                        return (int) i;
        return -EINVAL;
}

int device_words_parse(const char *text, uint64_t *ret_bits) {
        uint64_t bits = 0;
        unsigned n = 0;

        for (;;) {
                text += strspn(text, " -");
                if (!*text)
                        break;
                size_t size = strcspn(text, " -");
                int number = find_word(text, size);
                if (number < 0 || ++n > DEVICE_WORDS)
                        return -EINVAL;
                bits = bits << WORD_BITS | (unsigned) number;
                text += size;
        }
        if (n != DEVICE_WORDS)
                return -EINVAL;
        *ret_bits = bits;
        return 0;
}

bool device_words_match(uint64_t bits, const uint8_t hash[static 32]) {
        return bits == first_bits(hash);
}
