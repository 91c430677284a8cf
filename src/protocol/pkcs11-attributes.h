/* SPDX-License-Identifier: MIT */
#pragma once

/* One object of the token: its attributes, made of a certificate once and for all. */
#include "protocol/pkcs11-certificate.h"
#include "protocol/pkcs11-wire.h"

#define PKCS11_OBJECT_ATTRIBUTES_MAX 40U
#define PKCS11_OBJECT_OWN_MAX 512U /* bytes of values that lie nowhere else */

typedef enum Pkcs11Kind {
        PKCS11_KIND_CERTIFICATE,
        PKCS11_KIND_PRIVATE_KEY,
        PKCS11_KIND_PUBLIC_KEY,
} Pkcs11Kind;

typedef struct Pkcs11Object {
        uint32_t handle;
        Pkcs11Kind kind;
        KeyType key_type;
        Pkcs11Attribute attributes[PKCS11_OBJECT_ATTRIBUTES_MAX];
        size_t n;
        uint8_t own[PKCS11_OBJECT_OWN_MAX];
} Pkcs11Object;

/* device: of the device's own certificate, else of an intermediate one, which has no private key. The object holds
 * views of c and of itself: neither may move. -E2BIG */
int pkcs11_object_make(Pkcs11Kind kind, const Pkcs11Certificate *c, bool device, uint32_t handle, Pkcs11Object *o);

const Pkcs11Attribute *pkcs11_object_attribute(const Pkcs11Object *o, uint32_t type); /* NULL: it has none */
bool pkcs11_object_is_secret(const Pkcs11Object *o, uint32_t type); /* it has that one, and tells nobody */
bool pkcs11_object_matches(const Pkcs11Object *o, const Pkcs11Template *t);
size_t pkcs11_object_size(const Pkcs11Object *o); /* of all values */
