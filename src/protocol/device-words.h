/* SPDX-License-Identifier: MIT */
#pragma once

/* Six words for an EK, so that two people can compare it over the phone: the first 60 bits of its hash, ten for each
 * word. A device shows them, and so does the list of those that wait for approval. */
#include "protocol/device-word-list.h"
#include "shared/bytes.h"

#define DEVICE_WORDS 6U
#define DEVICE_WORDS_TEXT_MAX (DEVICE_WORDS * (DEVICE_WORD_MAX + 1)) /* with NUL */

/* With a space between each two. */
void device_words_format(const uint8_t hash[static 32], char ret[static DEVICE_WORDS_TEXT_MAX]);
/* Six words of the list, in any case, with spaces or hyphens between them: -EINVAL. bits: the 60, in a number. */
int device_words_parse(const char *text, uint64_t *ret_bits);
bool device_words_match(uint64_t bits, const uint8_t hash[static 32]);
