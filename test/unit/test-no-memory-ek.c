/* SPDX-License-Identifier: MIT */
#include "certificates.h"
#include "protocol/attest-decision.h"
#include "protocol/attest-messages.h"
#include "software-tpm.h"
#include "starve.h"

#define NOW 1790000000 /* 2026-09-21 */
#define NAME_ROOT "300c 310a 3008 0603550403 0c0152"
#define NAME_INTERMEDIATE "300c 310a 3008 0603550403 0c0149"

static struct {
        EVP_PKEY *root, *intermediate, *stranger, *ek, *other_ek, *ak;
        PublicKey root_public, intermediate_public, stranger_public, ek_public, other_ek_public, ak_public;
} keys;

static TestCertificate ca(const char *issuer, const char *subject, EVP_PKEY *key, EVP_PKEY *signer) {
        return (TestCertificate) {
                .issuer = issuer, .subject = subject, .extensions = { EXT_CA, EXT_CERT_SIGN }, .key = key, .signer = signer,
        };
}

static TestCertificate leaf(const char *issuer, EVP_PKEY *key, EVP_PKEY *signer) {
        return (TestCertificate) {
                .issuer = issuer, .extensions = { EXT_KEY_ENCIPHERMENT, EXT_PURPOSE_EK, EXT_SAN_ONE_RDN },
                .key = key, .signer = signer,
        };
}

static EkTrust *new_trust(const Bytes *distrusted) {
        TestCertificate c = ca(NAME_ROOT, NAME_ROOT, keys.root, keys.root);
        _cleanup_bytes_ Bytes root = test_certificate(&c);
        EkTrust *t;

        check_int(ek_trust_new(&t), 0);
        if (distrusted)
                check_int(ek_trust_distrust(t, bytes_view(distrusted)), 0);
        check_int(ek_trust_add(t, bytes_view(&root), NULL, NULL), 0);
        return t;
}

/* What a device sends. */
typedef struct Sent {
        const EkTrust *trust;
        Bytes certificates[2];
        size_t n;
} Sent;

static bool ek_accepts(const void *what) {
        const Sent *s = what;
        const ByteView views[] = { bytes_view(&s->certificates[0]), bytes_view(&s->certificates[1]) };
        EkFindings found;

        EkVerdict v = ek_certificates_verify(s->trust, &keys.ek_public, views, s->n, NOW, &found);
        return v == EK_VERDICT_TRUSTED;
}

static void starve_ek(const EkTrust *t, TestCertificate leaf_certificate, const Bytes *beside, bool good) {
        Sent s = { .trust = t, .certificates = { test_certificate(&leaf_certificate) }, .n = beside ? 2 : 1 };

        if (beside)
                s.certificates[1] = *beside;
        check_int(ek_accepts(&s), good);
        starve(ek_accepts, &s);
        bytes_done(&s.certificates[0]);
}

static void test_ek(void) {
        _cleanup_(ek_trust_freep) EkTrust *t = new_trust(NULL);
        TestCertificate c = leaf(NAME_ROOT, keys.ek, keys.root);

        starve_ek(t, c, NULL, true);
        starve_ek(t, leaf(NAME_ROOT, keys.ek, keys.stranger), NULL, false);
        starve_ek(t, leaf(NAME_ROOT, keys.other_ek, keys.root), NULL, false);
        c.not_after = "240101000000Z";
        starve_ek(t, c, NULL, false);
}

static void test_profile(void) {
        static const char *const refused[] = { EXT_PURPOSE_BOTH, EXT_CA, EXT_UNKNOWN_CRITICAL, EXT_CERT_SIGN };
        _cleanup_(ek_trust_freep) EkTrust *t = new_trust(NULL);

        for (size_t i = 0; i < ELEMENTSOF(refused); i++) {
                TestCertificate c = leaf(NAME_ROOT, keys.ek, keys.root);
                c.extensions[i == 0 ? 1 : i == 3 ? 0 : 3] = refused[i];
                starve_ek(t, c, NULL, false);
        }
}

/* An intermediate that comes along; one that is distrusted; one that is no CA. */
static void test_intermediate(void) {
        TestCertificate c = ca(NAME_ROOT, NAME_INTERMEDIATE, keys.intermediate, keys.root);
        _cleanup_bytes_ Bytes good = test_certificate(&c);
        _cleanup_(ek_trust_freep) EkTrust *t = new_trust(NULL), *distrusts = new_trust(&good);

        starve_ek(t, leaf(NAME_INTERMEDIATE, keys.ek, keys.intermediate), &good, true);
        starve_ek(distrusts, leaf(NAME_INTERMEDIATE, keys.ek, keys.intermediate), &good, false);
        c.extensions[0] = EXT_NOT_CA;
        _cleanup_bytes_ Bytes no_ca = test_certificate(&c);
        starve_ek(t, leaf(NAME_INTERMEDIATE, keys.ek, keys.intermediate), &no_ca, false);
}

/* --- With an AK --- */

static bool decision_asks(const void *what) {
        const Sent *s = what;
        static const FrontAttest nothing;
        AttestDecision d;

        attest_decide(bytes_view(&s->certificates[0]), s->trust, NOW, &d);
        if (d.outcome == ATTEST_ASK)
                return true;
        check(d.reason && memcmp(&d.question, &nothing, sizeof(nothing)) == 0);
        return false;
}

static void test_decision(void) {
        const struct {
                EVP_PKEY *signer;
                bool good;
        } rows[] = { { keys.ak, true }, { keys.stranger, false } };
        _cleanup_(ek_trust_freep) EkTrust *t = new_trust(NULL);
        TestCertificate c = leaf(NAME_ROOT, keys.ek, keys.root);

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                SoftwareEvidence e = software_evidence(rows[i].signer, &keys.ak_public, (Bend) {});
                _cleanup_attest_request_ AttestRequest q = {
                        .ek_certificates = { test_certificate(&c) },
                        .n_ek_certificates = 1,
                        .ak_public = e.public,
                        .create_data = e.creation_data,
                        .create_attestation = e.attestation,
                        .create_signature = e.signature,
                };
                Sent s = { .trust = t };

                check_int(public_key_to_spki(&keys.ek_public, &q.ek), 0);
                check_int(attest_request_build(&q, &s.certificates[0]), 0);
                check_int(decision_asks(&s), rows[i].good);
                starve(decision_asks, &s);
                bytes_done(&s.certificates[0]);
        }
}

int main(void) {
        keys.root = software_key(KEY_TYPE_P256, 0, &keys.root_public);
        keys.intermediate = software_key(KEY_TYPE_P256, 0, &keys.intermediate_public);
        keys.stranger = software_key(KEY_TYPE_P256, 0, &keys.stranger_public);
        keys.ek = software_key(KEY_TYPE_P256, 0, &keys.ek_public);
        keys.other_ek = software_key(KEY_TYPE_P256, 0, &keys.other_ek_public);
        keys.ak = software_key(KEY_TYPE_P256, 0, &keys.ak_public);
        test_ek();
        test_profile();
        test_intermediate();
        test_decision();
        EVP_PKEY *const all[] = { keys.root, keys.intermediate, keys.stranger, keys.ek, keys.other_ek, keys.ak };
        for (size_t i = 0; i < ELEMENTSOF(all); i++)
                EVP_PKEY_free(all[i]);
        return EXIT_SUCCESS;
}
