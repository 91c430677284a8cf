/* SPDX-License-Identifier: MIT */
#pragma once

/* The EK behind what people have of it: an EK certificate as it comes from NV memory or from PEM, or a public key
 * (SubjectPublicKeyInfo). */
#include "shared/bytes.h"

/* The hash of the key in v, PEM or DER. -ENOTSUP: a key that no EK can be; -EINVAL: neither certificate nor key. */
int device_identity(ByteView v, uint8_t ret_hash[static 32]);
/* The same for a text: PEM, or base64 of DER. */
int device_identity_from_text(const char *text, uint8_t ret_hash[static 32]);
