/* SPDX-License-Identifier: MIT */
#include "protocol/tpm-templates.h"

#define ATTRIBUTES_STORAGE 0x00030472U    /* fixed to this TPM and parent, made there, userWithAuth, noDA, */
#define ATTRIBUTES_AK 0x00050472U         /* restricted and decrypt; restricted and sign; */
#define ATTRIBUTES_DEVICE_EC 0x00040472U  /* sign; */
#define ATTRIBUTES_DEVICE_RSA 0x00060472U /* sign and decrypt */
#define ATTRIBUTES_EK_LOW 0x000300b2U     /* adminWithPolicy */
#define ATTRIBUTES_EK_HIGH 0x000300f2U    /* adminWithPolicy and userWithAuth */

/* PolicyA: PolicySecret(TPM_RH_ENDORSEMENT). PolicyB: PolicyOR of PolicyA and PolicyAuthorizeNV. */
static const TPM2B_DIGEST policy_a_sha256 = {
        .size = 32,
        .buffer = {
                0x83, 0x71, 0x97, 0x67, 0x44, 0x84, 0xb3, 0xf8, 0x1a, 0x90, 0xcc, 0x8d, 0x46, 0xa5, 0xd7, 0x24,
                0xfd, 0x52, 0xd7, 0x6e, 0x06, 0x52, 0x0b, 0x64, 0xf2, 0xa1, 0xda, 0x1b, 0x33, 0x14, 0x69, 0xaa,
        },
};
static const TPM2B_DIGEST policy_b_sha256 = {
        .size = 32,
        .buffer = {
                0xca, 0x3d, 0x0a, 0x99, 0xa2, 0xb9, 0x39, 0x06, 0xf7, 0xa3, 0x34, 0x24, 0x14, 0xef, 0xcf, 0xb3,
                0xa3, 0x85, 0xd4, 0x4c, 0xd1, 0xfd, 0x45, 0x90, 0x89, 0xd1, 0x9b, 0x50, 0x71, 0xc0, 0xb7, 0xa0,
        },
};
static const TPM2B_DIGEST policy_b_sha384 = {
        .size = 48,
        .buffer = {
                0xb2, 0x6e, 0x7d, 0x28, 0xd1, 0x1a, 0x50, 0xbc, 0x53, 0xd8, 0x82, 0xbc, 0xf5, 0xfd, 0x3a, 0x1a,
                0x07, 0x41, 0x48, 0xbb, 0x35, 0xd3, 0xb4, 0xe4, 0xcb, 0x1c, 0x0a, 0xd9, 0xbd, 0xe4, 0x19, 0xca,
                0xcb, 0x47, 0xba, 0x09, 0x69, 0x96, 0x46, 0x15, 0x0f, 0x9f, 0xc0, 0x00, 0xf3, 0xf8, 0x0e, 0x12,
        },
};

typedef struct EkRow {
        EkTemplateInfo info;
        TPMI_ALG_PUBLIC type;
        uint16_t size; /* bits of an RSA key, curve of an EC key */
        const TPM2B_DIGEST *policy;
} EkRow;

static const EkRow ek_rows[_EK_TEMPLATE_MAX] = {
        [EK_TEMPLATE_L1] = {
                { "L-1", "rsa-2048", 0x01c00002, 0x01c00003, 0x01c00004, 0x81010001, TPM2_ALG_SHA256, false },
                TPM2_ALG_RSA, 2048, &policy_a_sha256,
        },
        [EK_TEMPLATE_H1] = {
                { "H-1", "rsa-2048", 0x01c00012, 0, 0x01c00013, 0x81010012, TPM2_ALG_SHA256, true },
                TPM2_ALG_RSA, 2048, &policy_b_sha256,
        },
        [EK_TEMPLATE_L2] = {
                { "L-2", "p-256", 0x01c0000a, 0x01c0000b, 0x01c0000c, 0x8101000a, TPM2_ALG_SHA256, false },
                TPM2_ALG_ECC, TPM2_ECC_NIST_P256, &policy_a_sha256,
        },
        [EK_TEMPLATE_H2] = {
                { "H-2", "p-256", 0x01c00014, 0, 0x01c00015, 0x81010014, TPM2_ALG_SHA256, true },
                TPM2_ALG_ECC, TPM2_ECC_NIST_P256, &policy_b_sha256,
        },
        [EK_TEMPLATE_H3] = {
                { "H-3", "p-384", 0x01c00016, 0, 0x01c00017, 0x81010016, TPM2_ALG_SHA384, true },
                TPM2_ALG_ECC, TPM2_ECC_NIST_P384, &policy_b_sha384,
        },
        [EK_TEMPLATE_H6] = {
                { "H-6", "rsa-3072", 0x01c0001c, 0, 0x01c0001d, 0x8101001c, TPM2_ALG_SHA384, true },
                TPM2_ALG_RSA, 3072, &policy_b_sha384,
        },
        [EK_TEMPLATE_H7] = {
                { "H-7", "rsa-4096", 0x01c0001e, 0, 0x01c0001f, 0x8101001e, TPM2_ALG_SHA384, true },
                TPM2_ALG_RSA, 4096, &policy_b_sha384,
        },
};

static TPMT_PUBLIC rsa_template(uint32_t attributes, uint16_t bits) {
        return (TPMT_PUBLIC) {
                .type = TPM2_ALG_RSA,
                .nameAlg = TPM2_ALG_SHA256,
                .objectAttributes = attributes,
                .parameters.rsaDetail = {
                        .symmetric.algorithm = TPM2_ALG_NULL,
                        .scheme.scheme = TPM2_ALG_NULL,
                        .keyBits = bits,
                },
        };
}

static TPMT_PUBLIC ecc_template(uint32_t attributes, uint16_t curve) {
        return (TPMT_PUBLIC) {
                .type = TPM2_ALG_ECC,
                .nameAlg = TPM2_ALG_SHA256,
                .objectAttributes = attributes,
                .parameters.eccDetail = {
                        .symmetric.algorithm = TPM2_ALG_NULL,
                        .scheme.scheme = TPM2_ALG_NULL,
                        .curveID = curve,
                        .kdf.scheme = TPM2_ALG_NULL,
                },
        };
}

/* What a key that protects other keys has: symmetric is the first member of either kind of parameters. */
static TPMT_SYM_DEF_OBJECT aes_cfb(uint16_t bits) {
        return (TPMT_SYM_DEF_OBJECT) {
                .algorithm = TPM2_ALG_AES,
                .keyBits.aes = bits,
                .mode.aes = TPM2_ALG_CFB,
        };
}

const EkTemplateInfo *ek_template_info(EkTemplate t) {
        if (t < 0 || t >= _EK_TEMPLATE_MAX)
                return NULL;
        return &ek_rows[t].info;
}

/* The low range fills unique with zeros, and begins it with the nonce; the high range leaves it empty. */
static int set_unique(TPMT_PUBLIC *p, bool low, ByteView nonce) {
        size_t size = p->type == TPM2_ALG_RSA ? p->parameters.rsaDetail.keyBits / 8 : 32;
        uint8_t *to = p->type == TPM2_ALG_RSA ? p->unique.rsa.buffer : p->unique.ecc.x.buffer;

        if (nonce.size > (low ? size : 0))
                return -EINVAL;
        if (!low)
                return 0;
        if (nonce.size > 0)
                memcpy(to, nonce.data, nonce.size);
        if (p->type == TPM2_ALG_RSA)
                p->unique.rsa.size = (uint16_t) size;
        else
                p->unique.ecc.x.size = p->unique.ecc.y.size = (uint16_t) size;
        return 0;
}

int ek_template_public(EkTemplate t, ByteView nonce, TPM2B_PUBLIC *ret) {
        if (t < 0 || t >= _EK_TEMPLATE_MAX)
                return -EINVAL;

        const EkRow *row = &ek_rows[t];
        uint32_t attributes = row->info.password ? ATTRIBUTES_EK_HIGH : ATTRIBUTES_EK_LOW;
        TPMT_SYM_DEF_OBJECT aes = aes_cfb(row->info.hash == TPM2_ALG_SHA384 ? 256 : 128);
        TPMT_PUBLIC p;

        if (row->type == TPM2_ALG_RSA) {
                p = rsa_template(attributes, row->size);
                p.parameters.rsaDetail.symmetric = aes;
        } else {
                p = ecc_template(attributes, row->size);
                p.parameters.eccDetail.symmetric = aes;
        }
        p.nameAlg = row->info.hash;
        p.authPolicy = *row->policy;

        int r = set_unique(&p, !row->info.password, nonce);
        if (r < 0)
                return r;
        *ret = (TPM2B_PUBLIC) { .publicArea = p };
        return 0;
}

void storage_template_public(TPM2B_PUBLIC *ret) {
        TPMT_PUBLIC p = ecc_template(ATTRIBUTES_STORAGE, TPM2_ECC_NIST_P256);

        p.parameters.eccDetail.symmetric = aes_cfb(128);
        *ret = (TPM2B_PUBLIC) { .publicArea = p };
}

int ak_template_public(KeyType type, TPM2B_PUBLIC *ret) {
        TPMT_PUBLIC p;

        switch (type) {
        case KEY_TYPE_RSA:
                p = rsa_template(ATTRIBUTES_AK, 2048);
                p.parameters.rsaDetail.scheme.scheme = TPM2_ALG_RSASSA;
                p.parameters.rsaDetail.scheme.details.rsassa.hashAlg = TPM2_ALG_SHA256;
                break;
        case KEY_TYPE_P256:
                p = ecc_template(ATTRIBUTES_AK, TPM2_ECC_NIST_P256);
                p.parameters.eccDetail.scheme.scheme = TPM2_ALG_ECDSA;
                p.parameters.eccDetail.scheme.details.ecdsa.hashAlg = TPM2_ALG_SHA256;
                break;
        default:
                return -ENOTSUP;
        }
        *ret = (TPM2B_PUBLIC) { .publicArea = p };
        return 0;
}

int device_key_template_public(KeyType type, TPM2B_PUBLIC *ret) {
        TPMT_PUBLIC p;

        switch (type) {
        case KEY_TYPE_RSA:
                p = rsa_template(ATTRIBUTES_DEVICE_RSA, 2048);
                break;
        case KEY_TYPE_P256:
                p = ecc_template(ATTRIBUTES_DEVICE_EC, TPM2_ECC_NIST_P256);
                break;
        default:
                return -ENOTSUP;
        }
        *ret = (TPM2B_PUBLIC) { .publicArea = p };
        return 0;
}
