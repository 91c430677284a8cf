/* SPDX-License-Identifier: MIT */
#pragma once

/* The public areas that keys are made from. EKs: TCG EK Credential Profile for TPM 2.0, annex B (low range
 * L-1, L-2; high range H-1 and so on). Storage parent, AK and device key: our own choice. */
#include <tss2/tss2_tpm2_types.h>

#include "protocol/public-key.h"

#define SRK_HANDLE 0x81000001U            /* where a storage root key is by convention */
#define EK_CHAIN_NV_FIRST 0x01c00100U     /* intermediates of EK certificates, DER, concatenated */
#define EK_CHAIN_NV_LAST 0x01c001ffU

/* In the order of preference: as step's clients do, RSA-2048 first, then P-256. */
typedef enum EkTemplate {
        EK_TEMPLATE_L1, /* RSA-2048 */
        EK_TEMPLATE_H1, /* RSA-2048 */
        EK_TEMPLATE_L2, /* P-256 */
        EK_TEMPLATE_H2, /* P-256 */
        EK_TEMPLATE_H3, /* P-384 */
        EK_TEMPLATE_H6, /* RSA-3072 */
        EK_TEMPLATE_H7, /* RSA-4096 */
        _EK_TEMPLATE_MAX,
        _EK_TEMPLATE_INVALID = -EINVAL,
} EkTemplate;

typedef struct EkTemplateInfo {
        const char *name;           /* "L-1" */
        const char *key;            /* "rsa-2048", as --ek takes it */
        uint32_t certificate_nv;
        uint32_t nonce_nv;          /* 0: none is defined */
        uint32_t template_nv;       /* a TPMT_PUBLIC that replaces the template */
        uint32_t persistent_handle; /* where one is found, if somebody made it persistent */
        TPMI_ALG_HASH hash;         /* of the Name, and of the policy session that uses the key */
        /* userWithAuth: an empty password is enough. Otherwise a policy session with
         * PolicySecret(TPM_RH_ENDORSEMENT). */
        bool password;
} EkTemplateInfo;

/* NULL beyond the table. */
const EkTemplateInfo *ek_template_info(EkTemplate t);

/* nonce: what nonce_nv holds, VIEW_NULL if it does not exist. -EINVAL when it is too long or the template
 * takes none. */
int ek_template_public(EkTemplate t, ByteView nonce, TPM2B_PUBLIC *ret);

/* Storage parent under the owner hierarchy: ECC P-256, unique empty (what systemd-tpm2-setup and the TSS2
 * PRIVATE KEY format mean by it). */
void storage_template_public(TPM2B_PUBLIC *ret);

/* Restricted signing key, attributes 00050472: RSA-2048 with RSASSA/SHA-256 or P-256 with ECDSA/SHA-256.
 * type: KEY_TYPE_RSA or KEY_TYPE_P256, -ENOTSUP otherwise. unique is empty. */
int ak_template_public(KeyType type, TPM2B_PUBLIC *ret);

/* The key of a device certificate, scheme left to its user: P-256 signs (00040472), RSA-2048 signs and
 * decrypts (00060472), since TPMs give RSA keys with a free scheme to TLS that way. -ENOTSUP otherwise. */
int device_key_template_public(KeyType type, TPM2B_PUBLIC *ret);
