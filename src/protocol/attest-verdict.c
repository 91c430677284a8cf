/* SPDX-License-Identifier: MIT */
#include <openssl/bn.h>
#include <openssl/ec.h>

#include "protocol/attest-verdict.h"
#include "protocol/evp-key.h"
#include "protocol/tpm-structures.h"
#include "protocol/tpm-templates.h"

#define AK_RSA_SIZE (2048U / 8)
#define AK_RSA_EXPONENT 65537U

DEFINE_TRIVIAL_CLEANUP_FUNC(BIGNUM *, BN_free);
DEFINE_TRIVIAL_CLEANUP_FUNC(ECDSA_SIG *, ECDSA_SIG_free);
DEFINE_TRIVIAL_CLEANUP_FUNC(EVP_MD_CTX *, EVP_MD_CTX_free);

/* The evidence, taken apart. */
typedef struct Parsed {
        TPMT_PUBLIC public;
        TPMS_ATTEST attestation;
        TPMT_SIGNATURE signature;
} Parsed;

static AkVerdict parse(const AkEvidence *e, Parsed *ret) {
        TPMS_CREATION_DATA creation; /* its hash is what counts; nothing in it carries trust */

        if (tpm_public_decode(e->public, &ret->public) < 0)
                return AK_VERDICT_MALFORMED_PUBLIC;
        if (tpm_creation_data_decode(e->creation_data, &creation) < 0)
                return AK_VERDICT_MALFORMED_CREATION;
        if (tpm_attest_decode(e->attestation, &ret->attestation) < 0)
                return AK_VERDICT_MALFORMED_ATTESTATION;
        if (tpm_signature_decode(e->signature, &ret->signature) < 0)
                return AK_VERDICT_MALFORMED_SIGNATURE;
        return AK_VERDICT_GOOD;
}

static int expected_public(const PublicKey *ak, TPMT_PUBLIC *ret) {
        TPM2B_PUBLIC p;

        if (ak->type == KEY_TYPE_RSA && (ak->size != AK_RSA_SIZE || ak->exponent != AK_RSA_EXPONENT))
                return -ENOTSUP;

        int r = ak_template_public(ak->type, &p);
        if (r < 0)
                return r;
        r = tpm_public_set_key(&p.publicArea, ak);
        if (r < 0)
                return r;
        *ret = p.publicArea;
        return 0;
}

int ak_public_area(const PublicKey *ak, Bytes *ret_tpmt_public) {
        TPMT_PUBLIC p;

        int r = expected_public(ak, &p);
        return r < 0 ? r : tpm_public_encode(&p, ret_tpmt_public);
}

static int name_of(ByteView public, uint8_t ret[static AK_NAME_SIZE]) {
        TPM2B_NAME name;

        int r = tpm_object_name(public, &name);
        if (r < 0)
                return r;
        if (name.size != AK_NAME_SIZE)
                return -EINVAL;
        memcpy(ret, name.name, AK_NAME_SIZE);
        return 0;
}

int ak_name(const PublicKey *ak, uint8_t ret[static AK_NAME_SIZE]) {
        _cleanup_bytes_ Bytes public = BYTES_NULL;

        int r = ak_public_area(ak, &public);
        return r < 0 ? r : name_of(bytes_view(&public), ret);
}

/* A TPM that leaves out a coordinate's leading zeros gives another Name to the same key: refused here, since
 * the Name that atteztd builds from the key is the padded one (Part 1, C.8 asks for padding). */
static AkVerdict public_verdict(ByteView public, const TPMT_PUBLIC *p, PublicKey *ret_key) {
        _cleanup_bytes_ Bytes bytes = BYTES_NULL;
        TPMT_PUBLIC expected;

        if (tpm_public_get_key(p, ret_key) < 0 || expected_public(ret_key, &expected) < 0)
                return AK_VERDICT_WRONG_KEY;
        if (p->objectAttributes != expected.objectAttributes)
                return AK_VERDICT_WRONG_ATTRIBUTES;
        if (tpm_public_encode(&expected, &bytes) < 0 || !view_equal(bytes_view(&bytes), public))
                return AK_VERDICT_WRONG_KEY;
        return AK_VERDICT_GOOD;
}

static bool data_equal(const uint8_t *a, size_t n, const uint8_t *b, size_t m) {
        return view_equal(VIEW(a, n), VIEW(b, m));
}

/* Why it is not the expected one. */
static AkVerdict attestation_difference(const TPMS_ATTEST *a, const TPMS_ATTEST *expected) {
        const TPMS_CREATION_INFO *c = &a->attested.creation, *e = &expected->attested.creation;

        if (a->magic != expected->magic)
                return AK_VERDICT_WRONG_MAGIC;
        if (a->type != expected->type)
                return AK_VERDICT_WRONG_TYPE;
        if (a->extraData.size != expected->extraData.size)
                return AK_VERDICT_WRONG_EXTRA_DATA;
        if (!data_equal(c->objectName.name, c->objectName.size, e->objectName.name, e->objectName.size))
                return AK_VERDICT_WRONG_NAME;
        if (!data_equal(c->creationHash.buffer, c->creationHash.size, e->creationHash.buffer, e->creationHash.size))
                return AK_VERDICT_WRONG_CREATION_HASH;
        return AK_VERDICT_MALFORMED_ATTESTATION;
}

/* qualifiedSigner, clock and firmware version are the TPM's to fill; the rest is known beforehand. */
static AkVerdict attestation_verdict(const AkEvidence *e, const TPMS_ATTEST *a, const uint8_t name[static AK_NAME_SIZE]) {
        _cleanup_bytes_ Bytes bytes = BYTES_NULL;
        TPMS_ATTEST expected = {
                .magic = TPM2_GENERATED_VALUE,
                .type = TPM2_ST_ATTEST_CREATION,
                .qualifiedSigner = a->qualifiedSigner,
                .clockInfo = a->clockInfo,
                .firmwareVersion = a->firmwareVersion,
                .attested.creation.objectName.size = AK_NAME_SIZE,
        };

        memcpy(expected.attested.creation.objectName.name, name, AK_NAME_SIZE);
        if (tpm_hash(TPM2_ALG_SHA256, e->creation_data, &expected.attested.creation.creationHash) < 0)
                return AK_VERDICT_WRONG_CREATION_HASH;
        if (tpm_attest_encode(&expected, &bytes) < 0 || !view_equal(bytes_view(&bytes), e->attestation))
                return attestation_difference(a, &expected);
        return AK_VERDICT_GOOD;
}

static bool verify(const PublicKey *ak, ByteView message, const uint8_t *signature, size_t size) {
        _cleanup_(EVP_PKEY_freep) EVP_PKEY *key = NULL;
        _cleanup_(EVP_MD_CTX_freep) EVP_MD_CTX *ctx = EVP_MD_CTX_new();

        return ctx && evp_key_from_public(ak, &key) == 0 &&
               EVP_DigestVerifyInit_ex(ctx, NULL, "SHA256", NULL, NULL, key, NULL) == 1 &&
               EVP_DigestVerify(ctx, signature, size, message.data, message.size) == 1;
}

/* Numbers of any length; libcrypto refuses those that are 0 or not below the order. */
static bool verify_ecdsa(const PublicKey *ak, ByteView message, const TPMS_SIGNATURE_ECC *s) {
        _cleanup_(ECDSA_SIG_freep) ECDSA_SIG *sig = ECDSA_SIG_new();
        _cleanup_(BN_freep) BIGNUM *r = BN_bin2bn(s->signatureR.buffer, s->signatureR.size, NULL);
        _cleanup_(BN_freep) BIGNUM *t = BN_bin2bn(s->signatureS.buffer, s->signatureS.size, NULL);
        uint8_t der[2 * TPM2_MAX_ECC_KEY_BYTES + 16], *p = der;

        if (!sig || ECDSA_SIG_set0(sig, r, t) != 1) /* which refuses NULL */
                return false;
        (void) TAKE_PTR(r);
        (void) TAKE_PTR(t);

        int n = i2d_ECDSA_SIG(sig, NULL);
        if (n <= 0 || (size_t) n > sizeof(der) || i2d_ECDSA_SIG(sig, &p) != n)
                return false;
        return verify(ak, message, der, (size_t) n);
}

/* Scheme and hash must be the key's own: a restricted key signs with no other. */
static bool signature_good(const AkEvidence *e, const TPMT_SIGNATURE *s, const PublicKey *ak) {
        if (ak->type == KEY_TYPE_RSA)
                return s->sigAlg == TPM2_ALG_RSASSA && s->signature.rsassa.hash == TPM2_ALG_SHA256 &&
                       s->signature.rsassa.sig.size == ak->size &&
                       verify(ak, e->attestation, s->signature.rsassa.sig.buffer, s->signature.rsassa.sig.size);
        return s->sigAlg == TPM2_ALG_ECDSA && s->signature.ecdsa.hash == TPM2_ALG_SHA256 &&
               verify_ecdsa(ak, e->attestation, &s->signature.ecdsa);
}

AkVerdict ak_verify(const AkEvidence *evidence, PublicKey *ret_ak, uint8_t ret_name[static AK_NAME_SIZE]) {
        uint8_t name[AK_NAME_SIZE];
        PublicKey ak;
        Parsed p;

        AkVerdict v = parse(evidence, &p);
        if (v != AK_VERDICT_GOOD)
                return v;
        v = public_verdict(evidence->public, &p.public, &ak);
        if (v != AK_VERDICT_GOOD)
                return v;
        if (name_of(evidence->public, name) < 0)
                return AK_VERDICT_WRONG_NAME;
        v = attestation_verdict(evidence, &p.attestation, name);
        if (v != AK_VERDICT_GOOD)
                return v;
        if (!signature_good(evidence, &p.signature, &ak))
                return AK_VERDICT_WRONG_SIGNATURE;

        *ret_ak = ak;
        memcpy(ret_name, name, AK_NAME_SIZE);
        return AK_VERDICT_GOOD;
}

bool ak_verdict_is_malformed(AkVerdict v) {
        return v == AK_VERDICT_MALFORMED_PUBLIC || v == AK_VERDICT_MALFORMED_CREATION ||
               v == AK_VERDICT_MALFORMED_ATTESTATION || v == AK_VERDICT_MALFORMED_SIGNATURE;
}

const char *ak_verdict_to_string(AkVerdict v) {
        static const char *const names[_AK_VERDICT_MAX] = {
                [AK_VERDICT_GOOD] = "good",
                [AK_VERDICT_MALFORMED_PUBLIC] = "malformed public area",
                [AK_VERDICT_MALFORMED_CREATION] = "malformed creation data",
                [AK_VERDICT_MALFORMED_ATTESTATION] = "malformed attestation",
                [AK_VERDICT_MALFORMED_SIGNATURE] = "malformed signature",
                [AK_VERDICT_WRONG_KEY] = "not a key of an AK template",
                [AK_VERDICT_WRONG_ATTRIBUTES] = "not the attributes of an AK",
                [AK_VERDICT_WRONG_MAGIC] = "attestation not made by a TPM",
                [AK_VERDICT_WRONG_TYPE] = "not an attestation of a key's creation",
                [AK_VERDICT_WRONG_EXTRA_DATA] = "attestation with qualifying data",
                [AK_VERDICT_WRONG_NAME] = "attestation of another key",
                [AK_VERDICT_WRONG_CREATION_HASH] = "attestation of other creation data",
                [AK_VERDICT_WRONG_SIGNATURE] = "signature does not verify",
        };

        return v >= 0 && v < _AK_VERDICT_MAX ? names[v] : NULL;
}
