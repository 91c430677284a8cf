/* SPDX-License-Identifier: MIT */
#pragma once

/* The part of a TPM that tests need, in software: keys, and the evidence that a TPM would give of an AK's
 * creation, right or bent in one place. */
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/rsa.h>

#include "protocol/attest-verdict.h"
#include "protocol/evp-key.h"
#include "protocol/tpm-structures.h"
#include "protocol/tpm-templates.h"
#include "test.h"

/* rsa_bits: for KEY_TYPE_RSA */
static inline EVP_PKEY *software_key(KeyType type, unsigned rsa_bits, PublicKey *ret) {
        PublicKey k = { .type = type };
        EVP_PKEY *key;

        if (type == KEY_TYPE_RSA) {
                BIGNUM *n = NULL;

                key = EVP_RSA_gen(rsa_bits);
                check(key && EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_N, &n) == 1);
                k.size = (uint16_t) (rsa_bits / 8);
                k.exponent = 65537;
                check_int(BN_bn2binpad(n, k.n, k.size), k.size);
                BN_free(n);
        } else {
                uint8_t point[1 + 2 * PUBLIC_KEY_EC_SIZE_MAX];
                size_t n;

                key = EVP_EC_gen(type == KEY_TYPE_P256 ? "P-256" : "P-384");
                check(key && EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point), &n) == 1);
                k.size = (uint16_t) (n / 2);
                memcpy(k.x, point + 1, k.size);
                memcpy(k.y, point + 1 + k.size, k.size);
        }
        check(public_key_valid(&k));
        *ret = k;
        return key;
}

/* What may be bent, each where a TPM would fill it in. */
typedef struct Bend {
        void (*public)(TPMT_PUBLIC *p);    /* before the Name is made of it */
        void (*attest)(TPMS_ATTEST *a);    /* before it is signed */
        void (*signature)(TPMT_SIGNATURE *s);
} Bend;

typedef struct SoftwareEvidence {
        Bytes public, creation_data, attestation, signature;
} SoftwareEvidence;

static inline void software_evidence_done(SoftwareEvidence *e) {
        bytes_done(&e->public);
        bytes_done(&e->creation_data);
        bytes_done(&e->attestation);
        bytes_done(&e->signature);
}

static inline void software_sign(EVP_PKEY *key, ByteView message, TPMT_SIGNATURE *ret) {
        uint8_t sig[PUBLIC_KEY_RSA_SIZE_MAX];
        size_t n = sizeof(sig);
        EVP_MD_CTX *ctx = EVP_MD_CTX_new();
        TPMT_SIGNATURE s = {};

        check(ctx && EVP_DigestSignInit_ex(ctx, NULL, "SHA256", NULL, NULL, key, NULL) == 1);
        check(EVP_DigestSign(ctx, sig, &n, message.data, message.size) == 1);
        EVP_MD_CTX_free(ctx);

        if (EVP_PKEY_is_a(key, "RSA")) {
                s.sigAlg = TPM2_ALG_RSASSA;
                s.signature.rsassa.hash = TPM2_ALG_SHA256;
                s.signature.rsassa.sig.size = (uint16_t) n;
                memcpy(s.signature.rsassa.sig.buffer, sig, n);
        } else {
                int size = EVP_PKEY_get_bits(key) / 8;
                const uint8_t *p = sig;
                ECDSA_SIG *e = d2i_ECDSA_SIG(NULL, &p, (long) n);

                check(e);
                s.sigAlg = TPM2_ALG_ECDSA;
                s.signature.ecdsa.hash = TPM2_ALG_SHA256;
                s.signature.ecdsa.signatureR.size = s.signature.ecdsa.signatureS.size = (uint16_t) size;
                check_int(BN_bn2binpad(ECDSA_SIG_get0_r(e), s.signature.ecdsa.signatureR.buffer, size), size);
                check_int(BN_bn2binpad(ECDSA_SIG_get0_s(e), s.signature.ecdsa.signatureS.buffer, size), size);
                ECDSA_SIG_free(e);
        }
        *ret = s;
}

static inline SoftwareEvidence software_evidence(EVP_PKEY *key, const PublicKey *k, Bend bend) {
        TPMS_CREATION_DATA creation = { .locality = 1, .parentNameAlg = TPM2_ALG_SHA256 };
        TPMS_ATTEST attest = {
                .magic = TPM2_GENERATED_VALUE,
                .type = TPM2_ST_ATTEST_CREATION,
                .qualifiedSigner = { .size = 34, .name = { 0, 11, 0xaa } },
                .clockInfo = { .clock = 0x0102030405060708, .resetCount = 1, .restartCount = 2, .safe = TPM2_YES },
                .firmwareVersion = 0x2019102300163636,
        };
        SoftwareEvidence e = {};
        TPMT_SIGNATURE signature;
        TPM2B_PUBLIC p;

        check_int(ak_template_public(k->type == KEY_TYPE_P384 ? KEY_TYPE_P256 : k->type, &p), 0);
        check_int(tpm_public_set_key(&p.publicArea, k), 0);
        if (bend.public)
                bend.public(&p.publicArea);
        check_int(tpm_public_encode(&p.publicArea, &e.public), 0);
        check_int(tpm_object_name(bytes_view(&e.public), &attest.attested.creation.objectName), 0);

        check_int(tpm_hash(TPM2_ALG_SHA256, VIEW_NULL, &creation.pcrDigest), 0);
        creation.parentName = creation.parentQualifiedName = attest.qualifiedSigner;
        check_int(tpm_creation_data_encode(&creation, &e.creation_data), 0);
        check_int(tpm_hash(p.publicArea.nameAlg, bytes_view(&e.creation_data), &attest.attested.creation.creationHash), 0);

        if (bend.attest)
                bend.attest(&attest);
        check_int(tpm_attest_encode(&attest, &e.attestation), 0);
        software_sign(key, bytes_view(&e.attestation), &signature);
        if (bend.signature)
                bend.signature(&signature);
        check_int(tpm_signature_encode(&signature, &e.signature), 0);
        return e;
}
