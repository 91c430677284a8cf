/* SPDX-License-Identifier: MIT */
/* What decides at the edges: dates of CAs to the second, the best of several paths, where a certificate comes from, and
 * what is read of the TPM's model. */
#include <openssl/ec.h>
#include <openssl/x509v3.h>

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

/* --- Size --- */

/* A root of exactly this many bytes: an extension fills it. */
static Bytes ca_of_size(size_t size) {
        Bytes der = BYTES_NULL;

        for (size_t fill = size - 400; der.size != size; fill += size - der.size) {
                X509 *x = X509_new();
                ASN1_OCTET_STRING *o = ASN1_OCTET_STRING_new();
                _cleanup_free_ uint8_t *zeros = calloc(1, fill);
                uint8_t *out = NULL;

                check(x && o && zeros && ASN1_OCTET_STRING_set(o, zeros, (int) fill));
                check(X509_set_version(x, 2) && X509_set_pubkey(x, root));
                check(ASN1_INTEGER_set(X509_get_serialNumber(x), 1));
                check(ASN1_TIME_set(X509_getm_notBefore(x), NOW - 1) && ASN1_TIME_set(X509_getm_notAfter(x), NOW + 1));
                X509_EXTENSION *basic = X509V3_EXT_conf_nid(NULL, NULL, NID_basic_constraints, "critical,CA:TRUE");
                X509_EXTENSION *filler = X509_EXTENSION_create_by_NID(NULL, NID_netscape_comment, 0, o);
                check(basic && filler && X509_add_ext(x, basic, -1) && X509_add_ext(x, filler, -1));
                check(X509_sign(x, root, EVP_sha256()));
                bytes_done(&der);
                int n = i2d_X509(x, &out);
                check(n > 0);
                check_int(bytes_copy(VIEW(out, n), &der), 0);
                OPENSSL_free(out);
                X509_EXTENSION_free(basic);
                X509_EXTENSION_free(filler);
                ASN1_OCTET_STRING_free(o);
                X509_free(x);
        }
        return der;
}

static void test_size(void) {
        _cleanup_bytes_ Bytes largest = ca_of_size(EK_CERTIFICATE_SIZE_MAX),
                              larger = ca_of_size(EK_CERTIFICATE_SIZE_MAX + 1);
        _cleanup_(ek_trust_freep) EkTrust *t = NULL;
        ByteView v;

        check_int(ek_trust_new(&t), 0);
        check_int(ek_trust_add(t, bytes_view(&larger), NULL, NULL), -EINVAL);
        check_int(ek_trust_add(t, bytes_view(&largest), NULL, NULL), 0);
        check_int(ek_certificate_trim(bytes_view(&larger), &v), -EINVAL);
        check_int(ek_certificate_trim(bytes_view(&largest), &v), 0);
}

/* --- The TPM's model --- */

/* What the extension is, in hexadecimal: subjectAltName, critical, with one directoryName of one RDN. */
static void write_san(ByteView attributes, char *ret, size_t size) {
        static const uint8_t tags[] = { DER_SET, DER_SEQUENCE, DER_CONTEXT_CONSTRUCTED(4), DER_SEQUENCE,
                                        DER_OCTET_STRING };
        uint8_t a[2048], b[2048];
        ByteWriter inner = WRITER(a, sizeof(a)), outer;

        write_view(&inner, attributes);
        for (size_t i = 0; i < ELEMENTSOF(tags); i++) {
                outer = WRITER(b, sizeof(b));
                write_der(&outer, tags[i], test_view(&inner));
                inner = WRITER(a, sizeof(a));
                write_view(&inner, test_view(&outer));
        }
        outer = WRITER(b, sizeof(b));
        test_write_hex(&outer, "0603551d11 0101ff");
        write_view(&outer, test_view(&inner));
        inner = WRITER(a, sizeof(a));
        write_der(&inner, DER_SEQUENCE, test_view(&outer));
        check(2 * inner.size < size);
        hex_encode(test_view(&inner), ret);
}

static EkVerdict verify_san(ByteView attributes, const char *vendor, EkFindings *ret) {
        _cleanup_bytes_ Bytes r = ca(NAME_ROOT, NAME_ROOT, root, root, NULL);
        _cleanup_(ek_trust_freep) EkTrust *t = NULL;
        char san[4096];

        write_san(attributes, san, sizeof(san));
        _cleanup_bytes_ Bytes l = leaf(NAME_ROOT, root, san);
        check_int(ek_trust_new(&t), 0);
        check_int(ek_trust_add(t, bytes_view(&r), &(EkOrigin) { .vendor = vendor }, NULL), 0);
        return verify_at(t, &l, NOW, ret);
}

/* attributes: hexadecimal, the SET's content. manufacturer: NULL for a certificate that is refused. */
static void check_tpm(const char *attributes, const char *manufacturer, const char *model) {
        _cleanup_bytes_ Bytes content = test_unhex(attributes);
        EkFindings f;

        check_int(verify_san(bytes_view(&content), NULL, &f), manufacturer ? EK_VERDICT_TRUSTED : EK_VERDICT_MALFORMED);
        if (!manufacturer)
                return;
        check_str(f.tpm.manufacturer, manufacturer);
        check_str(f.tpm.model, model);
        check(!f.other_vendor); /* the root's is not known */
}

#define MANUFACTURER "3014 0605 6781050201 0c0b 69643a3533353434443230"

static void test_F10_tpm_data_of_the_certificate(void) {
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

static void test_vendors(void) {
        _cleanup_bytes_ Bytes stm = test_unhex(MANUFACTURER), none = test_unhex("300c 0605 6781050201 0c03 414243");
        EkFindings f;

        check_int(verify_san(bytes_view(&stm), "STM", &f), EK_VERDICT_TRUSTED);
        check(!f.other_vendor);
        check_int(verify_san(bytes_view(&stm), "IFX", &f), EK_VERDICT_TRUSTED);
        check(f.other_vendor);
        check_int(verify_san(bytes_view(&none), "IFX", &f), EK_VERDICT_TRUSTED);
        check(!f.other_vendor);
}

/* 32 attributes are looked at. */
static void test_many_attributes(void) {
        _cleanup_bytes_ Bytes other = test_unhex("3009 0603 2a0304 0c02 4141"), last = test_unhex(MANUFACTURER);
        EkFindings f;

        for (unsigned n = 31; n <= 32; n++) {
                uint8_t content[1024];
                ByteWriter w = WRITER(content, sizeof(content));

                for (unsigned i = 0; i < n; i++)
                        write_view(&w, bytes_view(&other));
                write_view(&w, bytes_view(&last));
                check_int(verify_san(test_view(&w), NULL, &f), EK_VERDICT_TRUSTED);
                check_str(f.tpm.manufacturer, n < 32 ? "id:53544D20" : "unspecified");
        }
}

int main(void) {
        check((root = EVP_EC_gen("P-256")) && (intermediate = EVP_EC_gen("P-256")));
        check((stranger = EVP_EC_gen("P-256")) && (ek = EVP_EC_gen("P-256")));
        test_best_path();
        test_dates_of_a_ca();
        test_origins();
        test_what_was_sent_is_told();
        test_size();
        test_F10_tpm_data_of_the_certificate();
        test_vendors();
        test_many_attributes();
        EVP_PKEY_free(root);
        EVP_PKEY_free(intermediate);
        EVP_PKEY_free(stranger);
        EVP_PKEY_free(ek);
        return EXIT_SUCCESS;
}
