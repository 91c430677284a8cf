/* SPDX-License-Identifier: MIT */
#pragma once

/* Names of devices: 1–64 of ASCII letters, digits and . _ - : @ +, beginning with a letter or a digit, not
 * shaped like an EK hash (64 hex digits). Unique without regard to case. */
#include "shared/bytes.h"

#define DEVICE_NAME_MAX 64U           /* characters */
#define DEVICE_NAMES_MAX 16U          /* of one device */
#define DEVICE_HASH_TEXT 64U          /* characters */

bool device_name_valid(const char *name);
/* The key under which a name is unique: ASCII lower case. ret has room for DEVICE_NAME_MAX + 1. */
void device_name_fold(const char *name, char *ret);

/* 64 hex digits, either case. */
bool device_hash_valid(const char *text);
int device_hash_parse(const char *text, uint8_t ret[static 32]); /* -EINVAL */
void device_hash_format(const uint8_t hash[static 32], char ret[static DEVICE_HASH_TEXT + 1]);
