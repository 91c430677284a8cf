/* SPDX-License-Identifier: MIT */
#include "certificates.h"
#include "protocol/attest-decision.h"
#include "protocol/attest-messages.h"
#include "roca.h"
#include "software-tpm.h"

#define NOW 1790000000 /* 2026-09-21 */
#define NAME_ROOT "300c 310a 3008 0603550403 0c0152"

static struct {
        EVP_PKEY *root, *ek, *other_ek, *ak;
        PublicKey root_public, ek_public, other_ek_public, ak_public;
} keys;

static EkTrust *trust_in_root(void) {
        TestCertificate c = {
                .issuer = NAME_ROOT, .subject = NAME_ROOT, .extensions = { EXT_CA, EXT_CERT_SIGN },
                .key = keys.root, .signer = keys.root,
        };
        _cleanup_bytes_ Bytes der = test_certificate(&c);
        EkTrust *t;

        check_int(ek_trust_new(&t), 0);
        check_int(ek_trust_add(t, bytes_view(&der), NULL, NULL), 0);
        return t;
}

static Bytes ek_certificate(EVP_PKEY *ek, const char *not_after, const char *usage) {
        TestCertificate c = {
                .issuer = NAME_ROOT, .not_after = not_after,
                .extensions = { usage, EXT_PURPOSE_EK, EXT_SAN_ONE_RDN },
                .key = ek, .signer = keys.root,
        };
        return test_certificate(&c);
}

static AttestRequest request_of(EVP_PKEY *ak, const PublicKey *ak_public, Bend bend) {
        SoftwareEvidence e = software_evidence(ak, ak_public, bend);
        AttestRequest q = {
                .tpm_info.version = 2,
                .ak_public = e.public,
                .create_data = e.creation_data,
                .create_attestation = e.attestation,
                .create_signature = e.signature,
        };

        check_int(public_key_to_spki(&keys.ek_public, &q.ek), 0);
        return q;
}

static AttestRequest request(Bend bend) {
        return request_of(keys.ak, &keys.ak_public, bend);
}

static AttestDecision decide(const EkTrust *trust, const AttestRequest *q) {
        _cleanup_bytes_ Bytes body = BYTES_NULL;
        AttestDecision d;

        check_int(attest_request_build(q, &body), 0);
        attest_decide(bytes_view(&body), trust, NOW, &d);
        if (d.outcome != ATTEST_ASK) {
                static const FrontAttest nothing;
                check(d.reason);
                check(memcmp(&d.question, &nothing, sizeof(nothing)) == 0);
        }
        return d;
}

/* What is asked, by the evidence that comes along. */
static void test_ask(void) {
        _cleanup_(ek_trust_freep) EkTrust *trust = trust_in_root(), *nobody = NULL;
        _cleanup_attest_request_ AttestRequest q = request((Bend) {});
        AttestDecision d;

        check_int(ek_trust_new(&nobody), 0);
        d = decide(trust, &q);
        check_int(d.outcome, ATTEST_ASK);
        check_int(d.question.evidence, EK_EVIDENCE_NONE);
        check(public_key_equal(&d.question.ek, &keys.ek_public) && public_key_equal(&d.question.ak, &keys.ak_public));
        check_str(d.question.tpm.model, "");
        check_str(d.question.peer, "");

        q.ek_certificates[0] = ek_certificate(keys.other_ek, NULL, EXT_KEY_ENCIPHERMENT);
        q.ek_certificates[1] = ek_certificate(keys.ek, NULL, EXT_KEY_ENCIPHERMENT);
        q.n_ek_certificates = 2;
        d = decide(trust, &q);
        check_int(d.outcome, ATTEST_ASK);
        check_int(d.question.evidence, EK_EVIDENCE_TRUSTED);
        check_str(d.question.tpm.model, "swtpm");
        check_str(d.question.issuer, "");

        d = decide(nobody, &q);
        check_int(d.outcome, ATTEST_ASK);
        check_int(d.question.evidence, EK_EVIDENCE_UNTRUSTED);
        check_str(d.question.tpm.model, "");
        check(strstr(d.question.issuer, "CN=R"));
}

/* A certificate that does not hold is as good as an unknown one: the device may be pinned. */
static void test_untrusted(void) {
        _cleanup_(ek_trust_freep) EkTrust *trust = trust_in_root();
        const struct {
                const char *not_after, *usage;
        } bad[] = { { "240101000000Z", EXT_KEY_ENCIPHERMENT }, { NULL, EXT_CERT_SIGN } };

        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                _cleanup_attest_request_ AttestRequest q = request((Bend) {});
                q.ek_certificates[0] = ek_certificate(keys.ek, bad[i].not_after, bad[i].usage);
                q.n_ek_certificates = 1;
                AttestDecision d = decide(trust, &q);
                check_int(d.outcome, ATTEST_ASK);
                check_int(d.question.evidence, EK_EVIDENCE_UNTRUSTED);
                check_str(d.question.tpm.manufacturer, "");
                check(d.reason);
        }
}

/* F1: certificates, but none for this EK. */
static void test_F1_U2_certificates_of_another_ek(void) {
        _cleanup_(ek_trust_freep) EkTrust *trust = trust_in_root();
        _cleanup_attest_request_ AttestRequest q = request((Bend) {});

        q.ek_certificates[0] = ek_certificate(keys.other_ek, NULL, EXT_KEY_ENCIPHERMENT);
        q.n_ek_certificates = 1;
        check_int(decide(trust, &q).outcome, ATTEST_REFUSED);

        q.ek_certificates[0].size--;
        check_int(decide(trust, &q).outcome, ATTEST_MALFORMED);
        q.ek_certificates[0].size++;
}

static void unrestricted(TPMT_PUBLIC *p) {
        p->objectAttributes &= ~TPMA_OBJECT_RESTRICTED;
}

static void test_ak(void) {
        _cleanup_(ek_trust_freep) EkTrust *trust = trust_in_root();
        _cleanup_attest_request_ AttestRequest good = request((Bend) {}), bad = request((Bend) { unrestricted });

        check_int(decide(trust, &bad).outcome, ATTEST_REFUSED);
        good.create_signature.data[good.create_signature.size - 1] ^= 1;
        check_int(decide(trust, &good).outcome, ATTEST_REFUSED);
        good.create_signature.size--;
        check_int(decide(trust, &good).outcome, ATTEST_MALFORMED);
        good.create_signature.size++;
        good.create_data.size--;
        check_int(decide(trust, &good).outcome, ATTEST_MALFORMED);
        good.create_data.size++;
        good.create_attestation.data[0] ^= 1;
        check_int(decide(trust, &good).outcome, ATTEST_REFUSED);
}

static void test_F8_ek_of_no_known_type(void) {
        _cleanup_(ek_trust_freep) EkTrust *trust = trust_in_root();
        _cleanup_attest_request_ AttestRequest q = request((Bend) {});
        Bytes ek = q.ek;

        q.ek.size--;
        check_int(decide(trust, &q).outcome, ATTEST_MALFORMED);
        q.ek = test_unhex("302a 3005 0603 2b6570 0321 00 d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
        AttestDecision d = decide(trust, &q); /* Ed25519: F8 */
        check_int(d.outcome, ATTEST_MALFORMED);
        check(strstr(d.reason, "unsupported"));
        bytes_done(&q.ek);
        q.ek = ek;
}

/* A key that Infineon's library has made: whoever sees it has the private one, whatever the inventory says. */
static void test_roca(void) {
        _cleanup_(ek_trust_freep) EkTrust *trust = trust_in_root();
        _cleanup_attest_request_ AttestRequest q = request((Bend) {});
        PublicKey weak = roca_key();

        bytes_done(&q.ek);
        check_int(public_key_to_spki(&weak, &q.ek), 0);
        AttestDecision d = decide(trust, &q);
        check_int(d.outcome, ATTEST_REFUSED);
        check(strstr(d.reason, "ROCA"));
}

/* The same for the AK, with evidence that is right in every other way. */
static void test_roca_ak(void) {
        _cleanup_(ek_trust_freep) EkTrust *trust = trust_in_root();
        PublicKey weak, strong;
        EVP_PKEY *weak_key = roca_pair(&weak), *strong_key = software_key(KEY_TYPE_RSA, 2048, &strong);
        _cleanup_attest_request_ AttestRequest bad = request_of(weak_key, &weak, (Bend) {}),
                                               good = request_of(strong_key, &strong, (Bend) {});

        AttestDecision d = decide(trust, &bad);
        check_int(d.outcome, ATTEST_REFUSED);
        check(strstr(d.reason, "ROCA"));
        check_int(decide(trust, &good).outcome, ATTEST_ASK);
        EVP_PKEY_free(weak_key);
        EVP_PKEY_free(strong_key);
}

/* The last of as many certificates as may be sent counts as the first. */
static void test_many_certificates(void) {
        _cleanup_(ek_trust_freep) EkTrust *trust = trust_in_root();
        _cleanup_attest_request_ AttestRequest q = request((Bend) {});

        for (unsigned i = 0; i < ATTEST_EK_CERTIFICATES_MAX; i++)
                q.ek_certificates[q.n_ek_certificates++] =
                                ek_certificate(i < ATTEST_EK_CERTIFICATES_MAX - 1 ? keys.other_ek : keys.ek, NULL,
                                               EXT_KEY_ENCIPHERMENT);
        AttestDecision d = decide(trust, &q);
        check_int(d.outcome, ATTEST_ASK);
        check_int(d.question.evidence, EK_EVIDENCE_TRUSTED);
}

static void test_nonsense(void) {
        _cleanup_(ek_trust_freep) EkTrust *trust = trust_in_root();
        static const char *const bodies[] = {
                "", "{", "[]", "null", "{}", "{\"ek\":null}", "{\"ek\":\"AA==\"}", "{\"ek\":\"AA==\",\"params\":{}}",
                "{\"ek\":\"AA==\",\"params\":null}", "not JSON at all",
        };
        _cleanup_free_ char *long_body = calloc(1, ATTEST_BODY_MAX + 2);
        AttestDecision d;

        for (size_t i = 0; i < ELEMENTSOF(bodies); i++) {
                attest_decide(VIEW_STR(bodies[i]), trust, NOW, &d);
                check_int(d.outcome, ATTEST_MALFORMED);
        }
        check(long_body);
        memset(long_body, ' ', ATTEST_BODY_MAX + 1);
        attest_decide(VIEW_STR(long_body), trust, NOW, &d);
        check_int(d.outcome, ATTEST_TOO_LARGE);

        _cleanup_attest_request_ AttestRequest q = request((Bend) {});
        _cleanup_bytes_ Bytes body = BYTES_NULL;
        check_int(attest_request_build(&q, &body), 0);
        for (size_t n = 0; n < body.size; n += 7) {
                attest_decide(VIEW(body.data, n), trust, NOW, &d);
                check_int(d.outcome, ATTEST_MALFORMED);
        }
}

int main(void) {
        keys.root = software_key(KEY_TYPE_P256, 0, &keys.root_public);
        keys.ek = software_key(KEY_TYPE_RSA, 2048, &keys.ek_public);
        keys.other_ek = software_key(KEY_TYPE_RSA, 2048, &keys.other_ek_public);
        keys.ak = software_key(KEY_TYPE_P256, 0, &keys.ak_public);
        test_ask();
        test_untrusted();
        test_F1_U2_certificates_of_another_ek();
        test_ak();
        test_F8_ek_of_no_known_type();
        test_roca();
        test_roca_ak();
        test_many_certificates();
        test_nonsense();
        EVP_PKEY_free(keys.root);
        EVP_PKEY_free(keys.ek);
        EVP_PKEY_free(keys.other_ek);
        EVP_PKEY_free(keys.ak);
        return EXIT_SUCCESS;
}
