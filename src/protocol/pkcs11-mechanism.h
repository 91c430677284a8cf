/* SPDX-License-Identifier: MIT */
#pragma once

/* The mechanisms of the token, and the way from one of them, its parameter and a key to an operation. Functions
 * that say no do it with a CKR_…; CKR_OK is 0. */
#include "protocol/pkcs11-wire.h"
#include "protocol/public-key.h"
#include "protocol/token-operation.h"

#define PKCS11_MECHANISMS_MAX 16U /* of one key */

typedef struct Pkcs11MechanismInfo {
        uint32_t type;
        uint32_t flags;              /* CKF_… */
        TokenOperationKind sign;     /* 0: it does not */
        TokenOperationKind decrypt;
        TokenHash hash;              /* what is signed is hashed with this before; that is done here, not in the TPM */
} Pkcs11MechanismInfo;

/* Those of a key, in a fixed order; the count. KEY_TYPE_INVALID: none. */
size_t pkcs11_mechanisms_of(KeyType type, uint32_t ret[static PKCS11_MECHANISMS_MAX]);
/* NULL: this kind of key does not have it. */
const Pkcs11MechanismInfo *pkcs11_mechanism_info(KeyType type, uint32_t mechanism);
void pkcs11_mechanism_bits(KeyType type, uint32_t *ret_min, uint32_t *ret_max); /* sizes of keys */

/* What C_SignInit and C_DecryptInit found out. */
typedef struct Pkcs11Plan {
        TokenHash hash;          /* for the data; NONE: it is taken as it is */
        bool decrypt;
        size_t output_max;       /* bytes; all signatures have this size */
        TokenOperation operation; /* all but the data (and, for a key, generation and its hash) */
} Pkcs11Plan;

uint32_t pkcs11_plan_make(const PublicKey *key, const Pkcs11Mechanism *m, bool decrypt, Pkcs11Plan *ret);

/* data: what the plan's operation is for: with a hash, its digest. Fills the operation's data. */
uint32_t pkcs11_plan_data(const PublicKey *key, ByteView data, Pkcs11Plan *p);

/* What a status of the TPM's is to a client. */
uint32_t pkcs11_status_rv(TokenStatus status, bool decrypt);
