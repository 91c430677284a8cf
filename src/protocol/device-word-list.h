/* SPDX-License-Identifier: MIT */
#pragma once

/* The words of device-words, in the order of their numbers; never to be changed: people compare them across machines of
 * different versions. Four to seven letters, and no two of them differ in one letter only. */
#define DEVICE_WORD_LIST_SIZE 1024U
#define DEVICE_WORD_MAX 7U

extern const char device_word_list[DEVICE_WORD_LIST_SIZE][DEVICE_WORD_MAX + 1];
