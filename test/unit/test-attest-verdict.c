/* SPDX-License-Identifier: MIT */
#include "nuvoton.h"
#include "software-tpm.h"

static AkVerdict verdict_of(const SoftwareEvidence *b) {
        AkEvidence e = {
                .public = bytes_view(&b->public),
                .creation_data = bytes_view(&b->creation_data),
                .attestation = bytes_view(&b->attestation),
                .signature = bytes_view(&b->signature),
        };
        uint8_t name[AK_NAME_SIZE] = { 0xee }, expected[AK_NAME_SIZE];
        PublicKey ak = { .size = 0xeeee };

        AkVerdict v = ak_verify(&e, &ak, name);
        if (v != AK_VERDICT_GOOD)
                check(ak.size == 0xeeee && name[0] == 0xee); /* outputs untouched */
        else {
                _cleanup_bytes_ Bytes public = BYTES_NULL;

                check(public_key_valid(&ak));
                check_int(ak_name(&ak, expected), 0);
                check(memcmp(name, expected, sizeof(name)) == 0);
                check_int(ak_public_area(&ak, &public), 0);
                check(view_equal(bytes_view(&public), e.public));
        }
        return v;
}

/* Every byte of every blob counts: cut anywhere it is malformed, changed anywhere it is refused. */
static void test_bent_blob(const SoftwareEvidence *e, Bytes *blob, AkVerdict malformed) {
        Bytes whole = *blob;

        for (size_t n = 0; n < whole.size; n++) {
                uint8_t *exact = malloc(n + 1); /* so that the sanitizer sees one byte too far */
                check(exact);
                memcpy(exact, whole.data, n);
                *blob = (Bytes) { .data = exact, .size = n };
                check_int(verdict_of(e), malformed);
                free(exact);
        }
        *blob = whole;
        blob->size++; /* the NUL behind it */
        check_int(verdict_of(e), malformed);
        blob->size--;

        for (size_t i = 0; i < whole.size; i++)
                for (unsigned m = 0; m < 3; m++) {
                        static const uint8_t masks[] = { 0x01, 0x80, 0xff };
                        whole.data[i] ^= masks[m];
                        check(verdict_of(e) != AK_VERDICT_GOOD);
                        whole.data[i] ^= masks[m];
                }
        check_int(verdict_of(e), AK_VERDICT_GOOD);
}

static void test_bent(SoftwareEvidence *e) {
        test_bent_blob(e, &e->public, AK_VERDICT_MALFORMED_PUBLIC);
        test_bent_blob(e, &e->creation_data, AK_VERDICT_MALFORMED_CREATION);
        test_bent_blob(e, &e->attestation, AK_VERDICT_MALFORMED_ATTESTATION);
        test_bent_blob(e, &e->signature, AK_VERDICT_MALFORMED_SIGNATURE);
}

static void test_hardware(void) {
        _cleanup_(software_evidence_done) SoftwareEvidence e = {
                .public = test_unhex(NUVOTON_AK_PUBLIC),
                .creation_data = test_unhex(NUVOTON_AK_CREATION_DATA),
                .attestation = test_unhex(NUVOTON_AK_ATTESTATION),
                .signature = test_unhex(NUVOTON_AK_SIGNATURE),
        };

        check_int(verdict_of(&e), AK_VERDICT_GOOD);
        test_bent(&e);
}

static void no_fixed_tpm(TPMT_PUBLIC *p) {
        p->objectAttributes &= ~TPMA_OBJECT_FIXEDTPM;
}

static void no_fixed_parent(TPMT_PUBLIC *p) {
        p->objectAttributes &= ~TPMA_OBJECT_FIXEDPARENT;
}

static void imported(TPMT_PUBLIC *p) {
        p->objectAttributes &= ~TPMA_OBJECT_SENSITIVEDATAORIGIN;
}

static void unrestricted(TPMT_PUBLIC *p) {
        p->objectAttributes &= ~TPMA_OBJECT_RESTRICTED;
}

static void no_sign(TPMT_PUBLIC *p) {
        p->objectAttributes &= ~TPMA_OBJECT_SIGN_ENCRYPT;
}

static void decrypts(TPMT_PUBLIC *p) {
        p->objectAttributes |= TPMA_OBJECT_DECRYPT;
}

static void duplicable(TPMT_PUBLIC *p) {
        p->objectAttributes |= TPMA_OBJECT_ENCRYPTEDDUPLICATION;
}

static void reserved(TPMT_PUBLIC *p) {
        p->objectAttributes |= 1;
}

static void sha1_name(TPMT_PUBLIC *p) {
        p->nameAlg = TPM2_ALG_SHA1;
}

static void sha384_name(TPMT_PUBLIC *p) {
        p->nameAlg = TPM2_ALG_SHA384;
}

static void with_policy(TPMT_PUBLIC *p) {
        p->authPolicy.size = 32;
}

static void scheme_null(TPMT_PUBLIC *p) {
        p->parameters.rsaDetail.scheme.scheme = TPM2_ALG_NULL;
}

static void scheme_pss(TPMT_PUBLIC *p) {
        p->parameters.rsaDetail.scheme.scheme = TPM2_ALG_RSAPSS;
}

static void scheme_sha1(TPMT_PUBLIC *p) {
        p->parameters.rsaDetail.scheme.details.rsassa.hashAlg = TPM2_ALG_SHA1;
}

static void storage_symmetric(TPMT_PUBLIC *p) {
        p->parameters.rsaDetail.symmetric.algorithm = TPM2_ALG_AES;
        p->parameters.rsaDetail.symmetric.keyBits.aes = 128;
        p->parameters.rsaDetail.symmetric.mode.aes = TPM2_ALG_CFB;
}

static void explicit_exponent(TPMT_PUBLIC *p) {
        p->parameters.rsaDetail.exponent = 65537;
}

static void other_exponent(TPMT_PUBLIC *p) {
        p->parameters.rsaDetail.exponent = 65539;
}

static void exponent_3(TPMT_PUBLIC *p) {
        p->parameters.rsaDetail.exponent = 3;
}

static void rsa_1024(TPMT_PUBLIC *p) {
        p->parameters.rsaDetail.keyBits = 1024;
        p->unique.rsa.size = 128;
}

static void keyed_hash(TPMT_PUBLIC *p) {
        *p = (TPMT_PUBLIC) {
                .type = TPM2_ALG_KEYEDHASH,
                .nameAlg = TPM2_ALG_SHA256,
                .objectAttributes = p->objectAttributes,
                .parameters.keyedHashDetail.scheme.scheme = TPM2_ALG_NULL,
        };
}

static void wrong_magic(TPMS_ATTEST *a) {
        a->magic ^= 1;
}

static void type_certify(TPMS_ATTEST *a) {
        a->type = TPM2_ST_ATTEST_CERTIFY;
}

static void extra_data(TPMS_ATTEST *a) {
        a->extraData.size = 1;
}

static void other_name(TPMS_ATTEST *a) {
        a->attested.creation.objectName.name[33] ^= 1;
}

static void no_name(TPMS_ATTEST *a) {
        a->attested.creation.objectName.size = 0;
}

static void other_hash(TPMS_ATTEST *a) {
        a->attested.creation.creationHash.buffer[0] ^= 1;
}

static void short_hash(TPMS_ATTEST *a) {
        a->attested.creation.creationHash.size = 31;
}

static void clock_not_safe(TPMS_ATTEST *a) {
        a->clockInfo.safe = TPM2_NO;
}

static void bad_safe(TPMS_ATTEST *a) {
        a->clockInfo.safe = 2;
}

static void no_signature(TPMT_SIGNATURE *s) {
        s->sigAlg = TPM2_ALG_NULL;
}

static void rsa_pss(TPMT_SIGNATURE *s) {
        s->sigAlg = TPM2_ALG_RSAPSS;
}

static void says_sha384(TPMT_SIGNATURE *s) {
        s->signature.any.hashAlg = TPM2_ALG_SHA384;
}

static void rsa_short(TPMT_SIGNATURE *s) {
        s->signature.rsassa.sig.size--;
}

static void rsa_padded(TPMT_SIGNATURE *s) {
        memmove(s->signature.rsassa.sig.buffer + 1, s->signature.rsassa.sig.buffer, s->signature.rsassa.sig.size);
        s->signature.rsassa.sig.buffer[0] = 0;
        s->signature.rsassa.sig.size++;
}

#define GOOD AK_VERDICT_GOOD
#define KEY AK_VERDICT_WRONG_KEY
#define ATTRIBUTES AK_VERDICT_WRONG_ATTRIBUTES
#define SIGNATURE AK_VERDICT_WRONG_SIGNATURE

static const struct {
        AkVerdict expected;
        Bend bend;
} rsa_rows[] = {
        { GOOD, {} },
        { ATTRIBUTES, { .public = no_fixed_tpm } },
        { ATTRIBUTES, { .public = no_fixed_parent } },
        { ATTRIBUTES, { .public = imported } },
        { ATTRIBUTES, { .public = unrestricted } },
        { ATTRIBUTES, { .public = no_sign } },
        { ATTRIBUTES, { .public = decrypts } },
        { ATTRIBUTES, { .public = duplicable } },
        { ATTRIBUTES, { .public = reserved } },
        { KEY, { .public = sha1_name } },
        { KEY, { .public = sha384_name } },
        { KEY, { .public = with_policy } },
        { KEY, { .public = scheme_null } },
        { KEY, { .public = scheme_pss } },
        { KEY, { .public = scheme_sha1 } },
        { KEY, { .public = storage_symmetric } },
        { KEY, { .public = explicit_exponent } }, /* the same key, but another Name */
        { KEY, { .public = other_exponent } },
        { KEY, { .public = exponent_3 } },
        { KEY, { .public = rsa_1024 } },
        { KEY, { .public = keyed_hash } },
        { AK_VERDICT_WRONG_MAGIC, { .attest = wrong_magic } },
        { AK_VERDICT_WRONG_TYPE, { .attest = type_certify } },
        { AK_VERDICT_WRONG_EXTRA_DATA, { .attest = extra_data } },
        { AK_VERDICT_WRONG_NAME, { .attest = other_name } },
        { AK_VERDICT_WRONG_NAME, { .attest = no_name } },
        { AK_VERDICT_WRONG_CREATION_HASH, { .attest = other_hash } },
        { AK_VERDICT_WRONG_CREATION_HASH, { .attest = short_hash } },
        { GOOD, { .attest = clock_not_safe } },
        { AK_VERDICT_MALFORMED_ATTESTATION, { .attest = bad_safe } },
        { SIGNATURE, { .signature = no_signature } },
        { SIGNATURE, { .signature = rsa_pss } },
        { SIGNATURE, { .signature = says_sha384 } },
        { SIGNATURE, { .signature = rsa_short } },
        { SIGNATURE, { .signature = rsa_padded } },
};

static void test_F9_rsa_ak(void) {
        PublicKey k, other;
        _cleanup_(EVP_PKEY_freep) EVP_PKEY *key = software_key(KEY_TYPE_RSA, 2048, &k);
        _cleanup_(EVP_PKEY_freep) EVP_PKEY *stranger = software_key(KEY_TYPE_RSA, 2048, &other);
        unsigned seen = 0;

        for (size_t i = 0; i < ELEMENTSOF(rsa_rows); i++) {
                _cleanup_(software_evidence_done) SoftwareEvidence e = software_evidence(key, &k, rsa_rows[i].bend);

                AkVerdict v = verdict_of(&e);
                if (v != rsa_rows[i].expected)
                        fprintf(stderr, "row %zu: %s\n", i, ak_verdict_to_string(v));
                check_int(v, rsa_rows[i].expected);
                seen |= 1U << v;
        }

        _cleanup_(software_evidence_done) SoftwareEvidence e = software_evidence(stranger, &k, (Bend) {});
        check_int(verdict_of(&e), SIGNATURE);

        /* with the malformed ones, which test_bent_blob() sees, none is left out */
        seen |= 1U << AK_VERDICT_MALFORMED_PUBLIC | 1U << AK_VERDICT_MALFORMED_CREATION |
                1U << AK_VERDICT_MALFORMED_SIGNATURE;
        check_int(seen, (1U << _AK_VERDICT_MAX) - 1);
}

static void kdf_set(TPMT_PUBLIC *p) {
        p->parameters.eccDetail.kdf.scheme = TPM2_ALG_KDF1_SP800_56A;
        p->parameters.eccDetail.kdf.details.kdf1_sp800_56a.hashAlg = TPM2_ALG_SHA256;
}

static void ec_scheme_null(TPMT_PUBLIC *p) {
        p->parameters.eccDetail.scheme.scheme = TPM2_ALG_NULL;
}

static void curve_p384(TPMT_PUBLIC *p) {
        p->parameters.eccDetail.curveID = TPM2_ECC_NIST_P384;
}

static void off_curve(TPMT_PUBLIC *p) {
        p->unique.ecc.y.buffer[31] ^= 1;
}

static void x_padded(TPMT_PUBLIC *p) {
        memmove(p->unique.ecc.x.buffer + 1, p->unique.ecc.x.buffer, 32);
        p->unique.ecc.x.buffer[0] = 0;
        p->unique.ecc.x.size = 33;
}

static void r_padded(TPMT_SIGNATURE *s) {
        memmove(s->signature.ecdsa.signatureR.buffer + 5, s->signature.ecdsa.signatureR.buffer, 32);
        memset(s->signature.ecdsa.signatureR.buffer, 0, 5);
        s->signature.ecdsa.signatureR.size = 37;
}

static void r_zero(TPMT_SIGNATURE *s) {
        memset(s->signature.ecdsa.signatureR.buffer, 0, 32);
}

static void s_empty(TPMT_SIGNATURE *s) {
        s->signature.ecdsa.signatureS.size = 0;
}

static void s_huge(TPMT_SIGNATURE *s) {
        memset(s->signature.ecdsa.signatureS.buffer, 0xff, TPM2_MAX_ECC_KEY_BYTES);
        s->signature.ecdsa.signatureS.size = TPM2_MAX_ECC_KEY_BYTES;
}

static void ec_schnorr(TPMT_SIGNATURE *s) {
        s->sigAlg = TPM2_ALG_ECSCHNORR;
}

static const struct {
        AkVerdict expected;
        Bend bend;
} ec_rows[] = {
        { GOOD, {} },
        { GOOD, { .signature = r_padded } }, /* numbers: leading zeros mean nothing */
        { ATTRIBUTES, { .public = unrestricted } },
        { KEY, { .public = sha1_name } },
        { KEY, { .public = kdf_set } },
        { KEY, { .public = ec_scheme_null } },
        { KEY, { .public = curve_p384 } },
        { KEY, { .public = off_curve } },
        { KEY, { .public = x_padded } },
        { SIGNATURE, { .signature = r_zero } },
        { SIGNATURE, { .signature = s_empty } },
        { SIGNATURE, { .signature = s_huge } },
        { SIGNATURE, { .signature = ec_schnorr } },
        { SIGNATURE, { .signature = says_sha384 } },
};

static void test_F9_ec_ak(void) {
        PublicKey k;
        _cleanup_(EVP_PKEY_freep) EVP_PKEY *key = software_key(KEY_TYPE_P256, 0, &k);

        for (size_t i = 0; i < ELEMENTSOF(ec_rows); i++) {
                _cleanup_(software_evidence_done) SoftwareEvidence e = software_evidence(key, &k, ec_rows[i].bend);

                AkVerdict v = verdict_of(&e);
                if (v != ec_rows[i].expected)
                        fprintf(stderr, "row %zu: %s\n", i, ak_verdict_to_string(v));
                check_int(v, ec_rows[i].expected);
        }

        _cleanup_(software_evidence_done) SoftwareEvidence e = software_evidence(key, &k, (Bend) {});
        test_bent(&e);
}

/* Keys of a TPM, but of no AK template. */
static void test_other_keys(void) {
        static const struct {
                KeyType type;
                unsigned bits;
        } rows[] = { { KEY_TYPE_RSA, 3072 }, { KEY_TYPE_P384, 0 } };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                PublicKey k;
                _cleanup_(EVP_PKEY_freep) EVP_PKEY *key = software_key(rows[i].type, rows[i].bits, &k);
                _cleanup_(software_evidence_done) SoftwareEvidence e = software_evidence(key, &k, (Bend) {});
                _cleanup_bytes_ Bytes public = BYTES_NULL;
                uint8_t name[AK_NAME_SIZE];

                check_int(verdict_of(&e), KEY);
                check_int(ak_public_area(&k, &public), -ENOTSUP);
                check_int(ak_name(&k, name), -ENOTSUP);
        }
}

static void test_strings(void) {
        for (AkVerdict v = 0; v < _AK_VERDICT_MAX; v++)
                check(ak_verdict_to_string(v) && *ak_verdict_to_string(v));
        check(!ak_verdict_to_string(_AK_VERDICT_MAX));
        check(ak_verdict_is_malformed(AK_VERDICT_MALFORMED_PUBLIC));
        check(ak_verdict_is_malformed(AK_VERDICT_MALFORMED_SIGNATURE));
        check(!ak_verdict_is_malformed(AK_VERDICT_WRONG_KEY));
        check(!ak_verdict_is_malformed(AK_VERDICT_GOOD));
}

int main(void) {
        test_hardware();
        test_F9_rsa_ak();
        test_F9_ec_ak();
        test_other_keys();
        test_strings();
        return EXIT_SUCCESS;
}
