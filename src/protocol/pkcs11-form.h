/* SPDX-License-Identifier: MIT */
#pragma once

/* What both directions of pkcs11-wire use: how the value of an attribute lies on the wire, and signatures. */
#include <stdbool.h>
#include <stdint.h>

typedef enum Pkcs11Form {
        PKCS11_FORM_BYTES, /* u32 size, bytes */
        PKCS11_FORM_BYTE,
        PKCS11_FORM_ULONG, /* u64 */
        PKCS11_FORM_DATE,  /* bytes: 8 characters */
        PKCS11_FORM_MECHANISMS, /* u32 count, u64 each */
        PKCS11_FORM_TEMPLATE,   /* u32 count, attributes */
} Pkcs11Form;

Pkcs11Form pkcs11_attribute_form(uint32_t type);

/* True if signature begins with letters; it is then what follows them. */
bool pkcs11_skip_letters(const char **signature, const char *letters);
