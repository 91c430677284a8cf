/* SPDX-License-Identifier: MIT */
#pragma once

/* The token's objects: what one generation of the enrolment shows to PKCS#11, immutable, and the token, which is
 * the newest generation and those older ones whose key may still be used by its handle.
 *
 * Objects of a generation: device certificate, private key, its public key, and of each intermediate certificate
 * the certificate and its public key. Handles are below 2^32 and derived from the certificate, so that they are
 * the same in every connection and after a restart, and never another object's. */
#include "protocol/pkcs11-attributes.h"
#include "protocol/public-key.h"
#include "protocol/token-operation.h"

#define PKCS11_INTERMEDIATES_MAX 5U  /* certificates beyond the leaf that are shown */
#define PKCS11_CHAIN_MAX 16U         /* certificates in a chain */
#define PKCS11_CHAIN_PEM_MAX (256U * 1024)
#define PKCS11_GENERATIONS_MAX 8U    /* the newest and older ones */
#define PKCS11_OBJECTS_MAX (3U + 2U * PKCS11_INTERMEDIATES_MAX) /* of a generation */
#define PKCS11_SERIAL_SIZE 16U

typedef struct Pkcs11Generation Pkcs11Generation;

/* number: the enrolment's; chain_pem: leaf first. The reference is the caller's. -EBADMSG: not certificates, or a
 * leaf whose key cannot be a device key (RSA-2048 to 4096, P-256, P-384); -E2BIG beyond a limit. */
int pkcs11_generation_new(uint64_t number, ByteView chain_pem, Pkcs11Generation **ret);
Pkcs11Generation *pkcs11_generation_ref(Pkcs11Generation *g);
Pkcs11Generation *pkcs11_generation_unref(Pkcs11Generation *g);
DEFINE_TRIVIAL_CLEANUP_FUNC(Pkcs11Generation *, pkcs11_generation_unref);

uint64_t pkcs11_generation_number(const Pkcs11Generation *g);
int64_t pkcs11_generation_not_after(const Pkcs11Generation *g); /* of the leaf; seconds since the epoch */
const PublicKey *pkcs11_generation_key(const Pkcs11Generation *g);     /* the device's */
const uint8_t *pkcs11_generation_key_hash(const Pkcs11Generation *g);  /* 32 bytes: SHA-256 of its SubjectPublicKeyInfo */
const uint8_t *pkcs11_generation_hash(const Pkcs11Generation *g);      /* 32 bytes: SHA-256 of the certificate */
const uint8_t *pkcs11_generation_id(const Pkcs11Generation *g, size_t *ret_size); /* CKA_ID of the device's objects */

typedef struct Pkcs11Token Pkcs11Token;

/* serial: 16 characters, the same for this device always. A new token is empty: a slot without a token. */
int pkcs11_token_new(const char serial[static 16], Pkcs11Token **ret);
Pkcs11Token *pkcs11_token_free(Pkcs11Token *t);
DEFINE_TRIVIAL_CLEANUP_FUNC(Pkcs11Token *, pkcs11_token_free);

void pkcs11_token_set_serial(Pkcs11Token *t, const char serial[static 16]);
/* Replaces what the token holds by n generations, newest first (each referenced, not taken); 0 empties it. Sessions
 * that were opened before are stale if the newest certificate is another one now. -E2BIG: more than PKCS11_GENERATIONS_MAX.
 * An older generation of a certificate that is there already, or whose handles are taken by a newer one, is left
 * out. */
int pkcs11_token_set(Pkcs11Token *t, Pkcs11Generation *const *generations, size_t n);
bool pkcs11_token_present(const Pkcs11Token *t);
const Pkcs11Generation *pkcs11_token_newest(const Pkcs11Token *t); /* NULL: empty */
const char *pkcs11_token_serial(const Pkcs11Token *t);             /* PKCS11_SERIAL_SIZE characters, no NUL */

/* Handles of those of the newest generation that match; the count. */
size_t pkcs11_token_find(const Pkcs11Token *t, const Pkcs11Template *what, uint32_t ret[static PKCS11_OBJECTS_MAX]);

/* By handle; of older generations until their certificate ends (now: seconds since the epoch). NULL: none. */
const Pkcs11Object *pkcs11_token_object(const Pkcs11Token *t, uint64_t handle, int64_t now,
                                        const Pkcs11Generation **ret_generation);
