/* SPDX-License-Identifier: MIT */
/* The store and the search: what devices send, folders' words, policies per vendor, what was taken out of trust. */
#include "protocol/ek-trust.h"

#include <openssl/ec.h>
#include <openssl/rsa.h>

#include "certificates.h"
#include "no-memory.h"
#include "protocol/ek-certificate.h"

#define NOW 1790000000 /* 2026-09-21 */

#define NAME_ROOT "300c 310a 3008 0603550403 0c0152"
#define NAME_INTERMEDIATE "300c 310a 3008 0603550403 0c0149"
#define NAME_SECOND "300c 310a 3008 0603550403 0c014a"

static struct {
        EVP_PKEY *root, *intermediate, *second, *stranger, *ek, *rsa;
} keys;

/* Made once, because another signature each time would make another certificate. */
static Bytes root, intermediate, second, leaf, under_second;

static Bytes make(TestCertificate c, EVP_PKEY *key, EVP_PKEY *signer) {
        c.key = key;
        c.signer = signer;
        return test_certificate(&c);
}

static Bytes ca(const char *issuer, const char *subject, EVP_PKEY *key, EVP_PKEY *signer) {
        return make((TestCertificate) { .issuer = issuer, .subject = subject,
                                        .extensions = { EXT_CA, EXT_CERT_SIGN } }, key, signer);
}

static Bytes ek(const char *issuer, EVP_PKEY *signer) {
        return make((TestCertificate) { .issuer = issuer,
                                        .extensions = { EXT_KEY_AGREEMENT, EXT_PURPOSE_EK, EXT_SAN_ONE_RDN } },
                    keys.ek, signer);
}

static void make_all(void) {
        EVP_PKEY **ec[] = { &keys.root, &keys.intermediate, &keys.second, &keys.stranger, &keys.ek };

        for (size_t i = 0; i < ELEMENTSOF(ec); i++)
                check(*ec[i] = EVP_EC_gen("P-256"));
        check(keys.rsa = EVP_RSA_gen(2048));
        root = ca(NAME_ROOT, NAME_ROOT, keys.root, keys.root);
        intermediate = ca(NAME_ROOT, NAME_INTERMEDIATE, keys.intermediate, keys.root);
        second = ca(NAME_INTERMEDIATE, NAME_SECOND, keys.second, keys.intermediate);
        leaf = ek(NAME_INTERMEDIATE, keys.intermediate);
        under_second = ek(NAME_SECOND, keys.second);
}

static void done_all(void) {
        EVP_PKEY *const all[] = { keys.root, keys.intermediate, keys.second, keys.stranger, keys.ek, keys.rsa };
        Bytes *const bytes[] = { &root, &intermediate, &second, &leaf, &under_second };

        for (size_t i = 0; i < ELEMENTSOF(all); i++)
                EVP_PKEY_free(all[i]);
        for (size_t i = 0; i < ELEMENTSOF(bytes); i++)
                bytes_done(bytes[i]);
}

static EkTrust *trust_in(const Bytes *certificate, const EkOrigin *origin) {
        EkTrust *t;

        check_int(ek_trust_new(&t), 0);
        check_int(ek_trust_add(t, bytes_view(certificate), origin, NULL), 0);
        return t;
}

static EkVerdict verify(const EkTrust *t, const Bytes *const *certificates, size_t n, EkFindings *ret) {
        ByteView views[EK_CERTIFICATES_MAX];
        EkFindings again;
        EkNotes notes;
        PublicKey key;

        for (size_t i = 0; i < n; i++)
                views[i] = bytes_view(certificates[i]);
        check_int(ek_certificate_key(views[0], &key), 0);
        EkVerdict v = ek_certificates_verify(t, &key, views, n, NOW, ret);
        check_int(ek_certificate_explain(t, views, n, NOW, &again, &notes), v);
        return v;
}

#define check_verdict(t, expected, ...)                                                       \
        do {                                                                                  \
                const Bytes *const _c[] = { __VA_ARGS__ };                                    \
                EkFindings _f;                                                                \
                check_int(verify((t), _c, ELEMENTSOF(_c), &_f), EK_VERDICT_##expected);       \
        } while (0)

/* --- What a device sends beside its EK certificate --- */

static void test_sent(void) {
        _cleanup_(ek_trust_freep) EkTrust *t = trust_in(&root, NULL);

        check_verdict(t, UNKNOWN_ISSUER, &leaf);
        check_verdict(t, TRUSTED, &leaf, &intermediate);
        /* in any order, and the root among them is neither needed nor in the way */
        check_verdict(t, TRUSTED, &under_second, &second, &intermediate);
        check_verdict(t, TRUSTED, &under_second, &intermediate, &second);
        check_verdict(t, TRUSTED, &under_second, &second, &intermediate, &root);
        check_verdict(t, TRUSTED, &under_second, &root, &second, &intermediate, &leaf);
        check_verdict(t, UNKNOWN_ISSUER, &under_second, &second);
        check_verdict(t, UNKNOWN_ISSUER, &under_second, &intermediate);
        /* The store has not changed by it. */
        check_int(ek_trust_count(t), 1);
        check_verdict(t, UNKNOWN_ISSUER, &leaf);
        check_verdict(t, UNKNOWN_ISSUER, &under_second);
}

/* F3, U3: whatever comes from the device is never where trust begins. */
static void test_F3_U3_nothing_sent_is_an_anchor(void) {
        _cleanup_(ek_trust_freep) EkTrust *empty = NULL, *t = trust_in(&root, NULL), *below = NULL;
        _cleanup_bytes_ Bytes own_root = ca(NAME_ROOT, NAME_ROOT, keys.stranger, keys.stranger),
                              own = ek(NAME_ROOT, keys.stranger),
                              forged = ca(NAME_ROOT, NAME_INTERMEDIATE, keys.stranger, keys.stranger),
                              under_forged = ek(NAME_INTERMEDIATE, keys.stranger);

        check_int(ek_trust_new(&empty), 0);
        check_verdict(empty, UNKNOWN_ISSUER, &leaf, &intermediate, &root);
        check_verdict(t, UNKNOWN_ISSUER, &own, &own_root);
        check_verdict(t, UNKNOWN_ISSUER, &under_forged, &forged, &own_root);
        check_verdict(t, UNKNOWN_ISSUER, &under_forged, &forged, &intermediate);
        /* What is signed by an orphan of the store is an orphan, too, and a root that is sent does not help it. */
        below = trust_in(&intermediate, NULL);
        check_verdict(below, UNKNOWN_ISSUER, &under_second, &second);
        check_verdict(below, UNKNOWN_ISSUER, &under_second, &second, &root);
}

/* An EK certificate of the same TPM, a CA that may not be one for EKs, a chain that is too long. */
static void test_sent_is_held_to_the_profile(void) {
        _cleanup_(ek_trust_freep) EkTrust *t = trust_in(&root, NULL);
        TestCertificate c = { .issuer = NAME_ROOT, .subject = NAME_INTERMEDIATE };
        static const char *const bad[][3] = {
                { EXT_NOT_CA, EXT_CERT_SIGN, NULL },
                { EXT_CA, EXT_DIGITAL_SIGNATURE, NULL },
                { EXT_CA, EXT_CERT_SIGN, EXT_PURPOSE_AIK },
                { EXT_CA, EXT_CERT_SIGN, EXT_UNKNOWN_CRITICAL },
        };

        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                memcpy(c.extensions, bad[i], sizeof(bad[i]));
                _cleanup_bytes_ Bytes b = make(c, keys.intermediate, keys.root);
                check_verdict(t, UNKNOWN_ISSUER, &leaf, &b);
        }
        c.extensions[1] = EXT_CERT_SIGN;
        c.extensions[2] = NULL;
        c.not_after = "260101000000Z";
        _cleanup_bytes_ Bytes ended = make(c, keys.intermediate, keys.root);
        check_verdict(t, EXPIRED, &leaf, &ended);
        c.not_after = NULL;
        c.extensions[0] = EXT_CA_PATH_0;
        _cleanup_bytes_ Bytes lowest = make(c, keys.intermediate, keys.root);
        check_verdict(t, TRUSTED, &leaf, &lowest);
        check_verdict(t, UNKNOWN_ISSUER, &under_second, &lowest, &second);
}

/* --- What people and folders say --- */

static void test_anchors(void) {
        const EkOrigin said = { .vendor = "AMD", .anchor = true };
        _cleanup_(ek_trust_freep) EkTrust *t = trust_in(&intermediate, NULL);
        const EkIssuer *issuer = NULL;
        const Bytes *const c[] = { &leaf };
        EkFindings f;

        check_verdict(t, UNKNOWN_ISSUER, &leaf);
        check_int(ek_trust_add(t, bytes_view(&intermediate), &said, &issuer), -EEXIST);
        check(issuer && issuer->anchor);
        check_int(verify(t, c, 1, &f), EK_VERDICT_TRUSTED);
        check_str(f.vendor, "AMD");
}

/* The store of what is sent takes nothing that nobody known has signed: strangers could fill it. */
static void test_sent_orphans_are_not_kept(void) {
        _cleanup_(ek_trust_freep) EkTrust *t = trust_in(&root, NULL), *sent = NULL;
        _cleanup_bytes_ Bytes forged = ca(NAME_ROOT, NAME_INTERMEDIATE, keys.stranger, keys.stranger);
        CertificateParts parts;

        check_int(ek_trust_new_sent(t, &sent), 0);
        check_int(certificate_parts(bytes_view(&forged), &parts), 0);
        check_int(ek_trust_add_sent(sent, &parts), 0);
        check_int(ek_trust_count(sent), 0);
        check_int(certificate_parts(bytes_view(&intermediate), &parts), 0);
        check_int(ek_trust_add_sent(sent, &parts), 1);
        check_int(ek_trust_count(sent), 1);
}

/* --- Without memory --- */

/* What is kept, who has signed a CA, is not what was found for want of memory. */
static void test_no_memory_for_a_link(void) {
        const ByteView certificate = bytes_view(&under_second);
        bool failed = true;
        EkFindings f;
        PublicKey key;

        check_int(ek_certificate_key(certificate, &key), 0);
        for (uint64_t n = 1; failed; n++) {
                _cleanup_(ek_trust_freep) EkTrust *t = trust_in(&root, NULL);
                check_int(ek_trust_add(t, bytes_view(&intermediate), NULL, NULL), 0);
                check_int(ek_trust_add(t, bytes_view(&second), NULL, NULL), 0);
                no_memory_begin(NO_MEMORY_ONCE, false, n);
                (void) ek_certificates_verify(t, &key, &certificate, 1, NOW, &f);
                failed = no_memory_end() >= n;
                check_int(ek_certificates_verify(t, &key, &certificate, 1, NOW, &f), EK_VERDICT_TRUSTED);
        }
}

/* The same certificate with a signature algorithm that leaves out its NULL: other bytes, and as good a signature. */
static void write_otherwise(const Bytes *certificate, Bytes *ret) {
        static const uint8_t rsa_sha256[] = { 0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0b,
                                              0x05, 0x00 };
        CertificateParts parts;
        Bytes b = BYTES_NULL;

        check_int(certificate_parts(bytes_view(certificate), &parts), 0);
        size_t outer = (size_t) (parts.tbs.data - parts.der.data) + parts.tbs.size, end = outer + sizeof(rsa_sha256);
        check(certificate->data[1] == 0x82 && memcmp(certificate->data + outer, rsa_sha256, sizeof(rsa_sha256)) == 0);
        check_int(bytes_copy(bytes_view(certificate), &b), 0);
        memmove(b.data + end - 2, b.data + end, b.size - end);
        b.size -= 2;
        b.data[outer + 1] -= 2;
        b.data[2] = (uint8_t) ((b.size - 4) >> 8);
        b.data[3] = (uint8_t) (b.size - 4);
        *ret = b;
}

static void test_distrusted(void) {
        _cleanup_bytes_ Bytes otherwise = BYTES_NULL, top = ca(NAME_ROOT, NAME_ROOT, keys.rsa, keys.rsa),
                              middle = ca(NAME_ROOT, NAME_INTERMEDIATE, keys.intermediate, keys.rsa);
        _cleanup_(ek_trust_freep) EkTrust *t = NULL, *trusting = trust_in(&top, NULL);

        check_int(ek_trust_new(&t), 0);
        check_int(ek_trust_distrust(t, bytes_view(&middle)), 0);
        check_int(ek_trust_add(t, bytes_view(&top), NULL, NULL), 0);
        check_int(ek_trust_add(t, bytes_view(&middle), NULL, NULL), -EKEYREVOKED);
        check_int(ek_trust_count(t), 1);
        /* nor when the device brings it */
        check_verdict(t, UNKNOWN_ISSUER, &leaf, &middle);
        write_otherwise(&middle, &otherwise);
        check_verdict(trusting, TRUSTED, &leaf, &otherwise);
        check_verdict(t, UNKNOWN_ISSUER, &leaf, &otherwise);
        check_int(ek_trust_add(t, bytes_view(&otherwise), NULL, NULL), -EKEYREVOKED);
        check_int(ek_trust_distrust(t, VIEW("x", 1)), -EINVAL);
}

/* --- Policies --- */

static void check_allowed(unsigned allow, EkVerdict expected, const Bytes *certificate, const Bytes *beside) {
        const EkOrigin origin = { .vendor = "STM", .allow = allow };
        _cleanup_bytes_ Bytes anchor = ca(NAME_ROOT, NAME_ROOT, keys.rsa, keys.rsa);
        _cleanup_(ek_trust_freep) EkTrust *t = trust_in(&anchor, &origin);
        const Bytes *const c[] = { certificate, beside };
        EkFindings f;

        check_int(verify(t, c, beside ? 2 : 1, &f), expected);
        check_int(f.used, expected == EK_VERDICT_TRUSTED ? (int) allow : 0);
}

static void test_policies(void) {
        TestCertificate c = { .issuer = NAME_ROOT, .extensions = { EXT_KEY_AGREEMENT, EXT_PURPOSE_EK } };
        TestCertificate above = { .issuer = NAME_ROOT, .subject = NAME_INTERMEDIATE, .sha1 = true,
                                  .extensions = { EXT_CA, EXT_CERT_SIGN } };
        unsigned both = EK_ALLOW_EXPIRED | EK_ALLOW_SHA1_EK;

        c.not_after = "240101000000Z";
        _cleanup_bytes_ Bytes expired = make(c, keys.ek, keys.rsa);
        check_allowed(0, EK_VERDICT_EXPIRED, &expired, NULL);
        check_allowed(EK_ALLOW_SHA1_EK, EK_VERDICT_EXPIRED, &expired, NULL);
        check_allowed(EK_ALLOW_EXPIRED, EK_VERDICT_TRUSTED, &expired, NULL);
        c.sha1 = true;
        _cleanup_bytes_ Bytes expired_sha1 = make(c, keys.ek, keys.rsa);
        check_allowed(0, EK_VERDICT_SHA1, &expired_sha1, NULL);
        check_allowed(EK_ALLOW_EXPIRED | EK_ALLOW_SHA1_CA, EK_VERDICT_SHA1, &expired_sha1, NULL);
        check_allowed(EK_ALLOW_SHA1_EK, EK_VERDICT_EXPIRED, &expired_sha1, NULL);
        check_allowed(both, EK_VERDICT_TRUSTED, &expired_sha1, NULL);
        c.not_after = NULL;
        _cleanup_bytes_ Bytes sha1 = make(c, keys.ek, keys.rsa);
        check_allowed(EK_ALLOW_SHA1_EK, EK_VERDICT_TRUSTED, &sha1, NULL);

        /* A CA's certificate that has ended, and one that is not valid yet, are not let pass by any of them. */
        _cleanup_bytes_ Bytes sha1_ca = make(above, keys.intermediate, keys.rsa);
        check_allowed(both, EK_VERDICT_SHA1, &leaf, &sha1_ca);
        check_allowed(EK_ALLOW_SHA1_CA, EK_VERDICT_TRUSTED, &leaf, &sha1_ca);
        above.sha1 = false;
        above.not_after = "240101000000Z";
        _cleanup_bytes_ Bytes ended = make(above, keys.intermediate, keys.rsa);
        check_allowed(EK_ALLOW_EXPIRED, EK_VERDICT_EXPIRED, &leaf, &ended);
        c.sha1 = false;
        c.not_before = "300101000000Z";
        _cleanup_bytes_ Bytes early = make(c, keys.ek, keys.rsa);
        check_allowed(EK_ALLOW_EXPIRED, EK_VERDICT_EXPIRED, &early, NULL);
}

/* --- What is told --- */

static bool has_note(const EkNotes *notes, EkNoteKind kind, const char *text) {
        for (unsigned i = 0; i < notes->n; i++)
                if (notes->notes[i].kind == kind && strstr(notes->notes[i].text, text))
                        return true;
        return false;
}

static void test_missing_issuer_is_named(void) {
        _cleanup_(ek_trust_freep) EkTrust *t = trust_in(&second, &(EkOrigin) { .vendor = "STM" });
        ByteView v = bytes_view(&under_second);
        EkFindings f;
        EkNotes notes;

        /* Not the leaf's own issuer, which is there, but that one's. */
        check_int(ek_certificate_explain(t, &v, 1, NOW, &f, &notes), EK_VERDICT_UNKNOWN_ISSUER);
        check_str(f.issuer, "CN=I");
        check(has_note(&notes, EK_NOTE_GOOD, "signed by CN=J, an intermediate of the trust store for STMicro"));
        check(has_note(&notes, EK_NOTE_BAD, "no certificate of its issuer, CN=I."));
        check(has_note(&notes, EK_NOTE_BAD, "proves nothing"));
        v = bytes_view(&leaf);
        check_int(ek_certificate_explain(t, &v, 1, NOW, &f, &notes), EK_VERDICT_UNKNOWN_ISSUER);
        check(has_note(&notes, EK_NOTE_BAD, "no certificate of its issuer, CN=I."));
        v = VIEW_STR("nothing");
        check_int(ek_certificate_explain(t, &v, 1, NOW, &f, &notes), EK_VERDICT_MALFORMED);
        check_int(ek_certificate_explain(t, NULL, 0, NOW, &f, &notes), EK_VERDICT_MALFORMED);
        check(has_note(&notes, EK_NOTE_BAD, "no certificate"));
}

static void test_other_vendor_is_remarked(void) {
        _cleanup_(ek_trust_freep) EkTrust *t = trust_in(&root, &(EkOrigin) { .vendor = "STM" });
        TestCertificate c = { .issuer = NAME_ROOT, .extensions = { EXT_KEY_AGREEMENT, EXT_SAN_THREE_RDNS } };
        _cleanup_bytes_ Bytes b = make(c, keys.ek, keys.root);
        const Bytes *const certificates[] = { &b };
        EkFindings f;

        check_int(verify(t, certificates, 1, &f), EK_VERDICT_TRUSTED);
        check(f.other_vendor);
}

int main(void) {
        make_all();
        test_sent();
        test_F3_U3_nothing_sent_is_an_anchor();
        test_sent_is_held_to_the_profile();
        test_anchors();
        test_distrusted();
        test_sent_orphans_are_not_kept();
        test_no_memory_for_a_link();
        test_policies();
        test_missing_issuer_is_named();
        test_other_vendor_is_remarked();
        done_all();
        return EXIT_SUCCESS;
}
