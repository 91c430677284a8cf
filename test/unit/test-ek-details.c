/* SPDX-License-Identifier: MIT */
/* What decides at the edges: dates of CAs to the second, the best of several paths, where a certificate comes from, and
 * what is read of the TPM's model. */
#include <openssl/ec.h>

#include "certificates.h"
#include "protocol/ek-certificate.h"

#define NOW 1790000000 /* 2026-09-21 14:13:20 */
#define NOW_TEXT "260921141320Z"

#define NAME_ROOT "300c 310a 3008 0603550403 0c0152"
#define NAME_INTERMEDIATE "300c 310a 3008 0603550403 0c0149"
#define NAME_NOBODY "300c 310a 3008 0603550403 0c0158"
#define ENDED "260101000000Z"

static EVP_PKEY *root, *intermediate, *stranger, *ek;

static Bytes ca(const char *issuer, const char *subject, EVP_PKEY *key, EVP_PKEY *signer, const char *not_after) {
        return test_certificate(&(TestCertificate) { .issuer = issuer, .subject = subject, .not_after = not_after,
                                                     .extensions = { EXT_CA, EXT_CERT_SIGN }, .key = key,
                                                     .signer = signer });
}

static Bytes leaf(const char *issuer, EVP_PKEY *signer, const char *san) {
        return test_certificate(&(TestCertificate) { .issuer = issuer, .key = ek, .signer = signer,
                                                     .extensions = { EXT_KEY_AGREEMENT, EXT_PURPOSE_EK, san } });
}

static EkVerdict verify_at(const EkTrust *t, const Bytes *certificate, int64_t now, EkFindings *ret) {
        ByteView v = bytes_view(certificate);
        EkNotes notes;
        EkFindings again;
        PublicKey key;

        check_int(ek_certificate_key(v, &key), 0);
        EkVerdict verdict = ek_certificates_verify(t, &key, &v, 1, now, ret);
        check_int(ek_certificate_explain(t, &v, 1, now, &again, &notes), verdict);
        return verdict;
}

/* --- The best of several paths, in whatever order they are found --- */

static void check_best(const Bytes *const *certificates, size_t n, EkVerdict expected) {
        _cleanup_bytes_ Bytes l = leaf(NAME_INTERMEDIATE, intermediate, NULL);
        EkFindings f;

        for (size_t first = 0; first < n; first++) {
                EkTrust *t;
                check_int(ek_trust_new(&t), 0);
                for (size_t i = 0; i < n; i++)
                        check_int(ek_trust_add(t, bytes_view(certificates[(first + i) % n]), NULL, NULL), 0);
                check_int(verify_at(t, &l, NOW, &f), expected);
                ek_trust_free(t);
        }
}

static void test_best_path(void) {
        _cleanup_bytes_ Bytes ended = ca(NAME_ROOT, NAME_ROOT, root, root, ENDED),
                              good = ca(NAME_ROOT, NAME_ROOT, root, root, NULL),
                              orphan_root = ca(NAME_NOBODY, NAME_ROOT, root, stranger, NULL),
                              middle = ca(NAME_ROOT, NAME_INTERMEDIATE, intermediate, root, NULL),
                              orphan = ca(NAME_NOBODY, NAME_INTERMEDIATE, intermediate, stranger, NULL),
                              impostor = ca(NAME_ROOT, NAME_INTERMEDIATE, stranger, root, NULL);

        /* What ends nowhere does not spoil what ends at a root, in force or not. */
        check_best((const Bytes *const[]) { &ended, &orphan_root, &middle }, 3, EK_VERDICT_EXPIRED);
        check_best((const Bytes *const[]) { &ended, &middle, &orphan }, 3, EK_VERDICT_EXPIRED);
        check_best((const Bytes *const[]) { &ended, &middle, &impostor }, 3, EK_VERDICT_EXPIRED);
        check_best((const Bytes *const[]) { &ended, &good, &middle, &orphan, &impostor }, 5, EK_VERDICT_TRUSTED);
        check_best((const Bytes *const[]) { &good, &impostor, &orphan }, 3, EK_VERDICT_UNKNOWN_ISSUER);
}

static void test_dates_of_a_ca(void) {
        TestCertificate c = { .issuer = NAME_ROOT, .subject = NAME_ROOT, .not_before = NOW_TEXT, .not_after = NOW_TEXT,
                              .extensions = { EXT_CA, EXT_CERT_SIGN }, .key = root, .signer = root };
        _cleanup_bytes_ Bytes moment = test_certificate(&c), l = leaf(NAME_ROOT, root, NULL);
        _cleanup_(ek_trust_freep) EkTrust *t = NULL;
        EkFindings f;

        check_int(ek_trust_new(&t), 0);
        check_int(ek_trust_add(t, bytes_view(&moment), NULL, NULL), 0);
        check_int(verify_at(t, &l, NOW, &f), EK_VERDICT_TRUSTED);
        check_int(verify_at(t, &l, NOW - 1, &f), EK_VERDICT_EXPIRED);
        check_int(verify_at(t, &l, NOW + 1, &f), EK_VERDICT_EXPIRED);
}

/* --- Where a certificate comes from --- */

static void test_origins(void) {
        _cleanup_bytes_ Bytes r = ca(NAME_ROOT, NAME_ROOT, root, root, NULL);
        _cleanup_(ek_trust_freep) EkTrust *t = NULL;
        const EkIssuer *i;

        check_int(ek_trust_new(&t), 0);
        check_int(ek_trust_add(t, bytes_view(&r), NULL, &i), 0);
        check_str(i->vendor, "");
        check_int(i->allow, 0);
        check(i->anchor && !i->sent);
        /* Twice in two places: what either allows, and the first word about the vendor. */
        const EkOrigin places[] = { { .vendor = "STM", .allow = EK_ALLOW_EXPIRED },
                                    { .vendor = "IFX", .allow = EK_ALLOW_SHA1_CA } };
        for (size_t k = 0; k < ELEMENTSOF(places); k++)
                check_int(ek_trust_add(t, bytes_view(&r), &places[k], &i), -EEXIST);
        check_str(i->vendor, "STM");
        check_int(i->allow, EK_ALLOW_EXPIRED | EK_ALLOW_SHA1_CA);
        check_int(ek_trust_count(t), 1);
}

static void test_what_was_sent_is_told(void) {
        _cleanup_bytes_ Bytes r = ca(NAME_ROOT, NAME_ROOT, root, root, NULL),
                              middle = ca(NAME_ROOT, NAME_INTERMEDIATE, intermediate, root, NULL),
                              l = leaf(NAME_INTERMEDIATE, intermediate, NULL);
        _cleanup_(ek_trust_freep) EkTrust *t = NULL;
        ByteView all[] = { bytes_view(&l), bytes_view(&middle) };
        bool told = false;
        EkFindings f;
        EkNotes notes;

        check_int(ek_trust_new(&t), 0);
        check_int(ek_trust_add(t, bytes_view(&r), NULL, NULL), 0);
        check_int(ek_certificate_explain(t, all, 2, NOW, &f, &notes), EK_VERDICT_TRUSTED);
        for (unsigned i = 0; i < notes.n; i++)
                told |= strstr(notes.notes[i].text, "CN=I, which the device sends") != NULL;
        check(told);
}

/* --- The TPM's model --- */

/* A SAN of one directoryName of one RDN; attributes: hexadecimal of the SET's content, below 100 bytes.
 * manufacturer: NULL for a certificate that is refused. */
static void check_tpm(const char *attributes, const char *manufacturer, const char *model) {
        _cleanup_bytes_ Bytes r = ca(NAME_ROOT, NAME_ROOT, root, root, NULL), content = test_unhex(attributes);
        unsigned n = (unsigned) content.size;
        _cleanup_(ek_trust_freep) EkTrust *t = NULL;
        char san[512];
        EkFindings f;

        check(n < 100);
        (void) snprintf(san, sizeof(san), "30%02x 0603551d11 0101ff 04%02x 30%02x a4%02x 30%02x 31%02x %s", n + 18,
                        n + 8, n + 6, n + 4, n + 2, n, attributes);
        _cleanup_bytes_ Bytes l = leaf(NAME_ROOT, root, san);
        check_int(ek_trust_new(&t), 0);
        check_int(ek_trust_add(t, bytes_view(&r), NULL, NULL), 0);
        check_int(verify_at(t, &l, NOW, &f), manufacturer ? EK_VERDICT_TRUSTED : EK_VERDICT_MALFORMED);
        if (!manufacturer)
                return;
        check_str(f.tpm.manufacturer, manufacturer);
        check_str(f.tpm.model, model);
        check(!f.other_vendor); /* the root's is not known */
}

#define MANUFACTURER "3014 0605 6781050201 0c0b 69643a3533353434443230"

static void test_tpm_data(void) {
        check_tpm(MANUFACTURER "300e 0605 6781050202 0c05 2041207e21", "id:53544D20", " A ~!");
        check_tpm("300c 0605 6781050202 0c03 1f7f80", "unspecified", "???");
        /* An empty text is none. */
        check_tpm("3009 0605 6781050202 0c00", "unspecified", "unspecified");
        /* Others' attributes: a longer and a shorter OID, another arc, a type that is no text. */
        check_tpm("300d 0606 678105020201 0c03 414243", "unspecified", "unspecified");
        check_tpm("300b 0604 67810502 0c03 414243", "unspecified", "unspecified");
        check_tpm("300c 0605 6781050302 0c03 414243", "unspecified", "unspecified");
        check_tpm("300c 0605 6781050202 0403 414243", "unspecified", "unspecified");
        /* What is no attribute makes it no certificate. */
        check_tpm("300e 0605 6781050202 0c03 414243 0500" MANUFACTURER, NULL, NULL);
        check_tpm("3000" MANUFACTURER, NULL, NULL);
        check_tpm("0500" MANUFACTURER, NULL, NULL);
}

int main(void) {
        check((root = EVP_EC_gen("P-256")) && (intermediate = EVP_EC_gen("P-256")));
        check((stranger = EVP_EC_gen("P-256")) && (ek = EVP_EC_gen("P-256")));
        test_best_path();
        test_dates_of_a_ca();
        test_origins();
        test_what_was_sent_is_told();
        test_tpm_data();
        EVP_PKEY_free(root);
        EVP_PKEY_free(intermediate);
        EVP_PKEY_free(stranger);
        EVP_PKEY_free(ek);
        return EXIT_SUCCESS;
}
