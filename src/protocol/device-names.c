/* SPDX-License-Identifier: MIT */
#include "protocol/device-names.h"

/* Not isalnum(): that asks the locale. */
static bool is_digit(char c) {
        return c >= '0' && c <= '9';
}

static bool is_letter(char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_hex_digit(char c) {
        return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static bool is_name_character(char c) {
        return is_letter(c) || is_digit(c) || strchr("._-:@+", c);
}

bool device_hash_valid(const char *text) {
        size_t n = 0;

        while (is_hex_digit(text[n]))
                n++;
        return n == DEVICE_HASH_TEXT && text[n] == 0;
}

bool device_name_valid(const char *name) {
        if (!is_letter(name[0]) && !is_digit(name[0]))
                return false;
        for (size_t i = 0; name[i]; i++)
                if (i >= DEVICE_NAME_MAX || !is_name_character(name[i]))
                        return false;
        return !device_hash_valid(name);
}

void device_name_fold(const char *name, char *ret) {
        size_t i;

        for (i = 0; name[i] && i < DEVICE_NAME_MAX; i++)
                ret[i] = name[i] >= 'A' && name[i] <= 'Z' ? (char) (name[i] - 'A' + 'a') : name[i];
        ret[i] = 0;
}

int device_hash_parse(const char *text, uint8_t ret[static 32]) {
        _cleanup_bytes_ Bytes b = BYTES_NULL;

        if (!device_hash_valid(text))
                return -EINVAL;
        int r = hex_decode(text, DEVICE_HASH_TEXT, &b);
        if (r < 0)
                return r;
        memcpy(ret, b.data, 32);
        return 0;
}

void device_hash_format(const uint8_t hash[static 32], char ret[static DEVICE_HASH_TEXT + 1]) {
        hex_encode(VIEW(hash, 32), ret);
}
