/* SPDX-License-Identifier: MIT */
/* EK certificates as they are in the field. Look-alikes of each oddity are made here; genuine ones are looked at, too,
 * where a folder of them is: ATTEZT_EK_CERTIFICATES, or ../shared/reference/ekcerts beside the tree. */
#include <openssl/ec.h>
#include <openssl/rsa.h>

#include "certificates.h"
#include "protocol/ek-certificate.h"
#include "shared/files.h"
#include "shared/trust-store.h"

#define NOW 1790000000 /* 2026-09-21 */
#define FILE_MAX (64U * 1024)

#define NAME_ROOT "300c 310a 3008 0603550403 0c0152"
#define NAME_INTERMEDIATE "300c 310a 3008 0603550403 0c0149"
#define NAME_UNORDERED "3017 3115 3008 0603550403 0c0152 3009 0603550406 13025457"
/* authorityInfoAccess with a URL that is cut at a space (Nuvoton). */
#define EXT_AIA_CUT "302f 06082b06010505070101 0423 3021 301f 06082b06010505073002 8613 687474703a2f2f7777772e6e75766f746f6e2e"

static struct {
        EVP_PKEY *root, *intermediate, *rsa_ca, *ek_rsa, *ek_ec;
} keys;

static EkPolicy policy;

static PublicKey public_of(EVP_PKEY *k) {
        uint8_t *der = NULL;
        PublicKey p;

        int n = i2d_PUBKEY(k, &der);
        check(n > 0);
        check_int(public_key_from_spki(VIEW(der, n), &p), 0);
        OPENSSL_free(der);
        return p;
}

static void add(EkTrust *t, TestCertificate c, EVP_PKEY *key, EVP_PKEY *signer, const char *vendor) {
        const EkOrigin origin = { .vendor = vendor, .allow = ek_policy_allow(&policy, vendor) };

        c.key = key;
        c.signer = signer;
        _cleanup_bytes_ Bytes der = test_certificate(&c);
        check_int(ek_trust_add(t, bytes_view(&der), &origin, NULL), 0);
}

/* --- Look-alikes --- */

typedef struct LookAlike {
        const char *like;
        EkVerdict expected;
        TestCertificate certificate;
        EVP_PKEY **ek, **signer; /* NULL: RSA; the intermediate, of P-256 */
        const char *before;      /* NV memory, hexadecimal */
        unsigned fill, n_fill;
} LookAlike;

#define LEAF .issuer = NAME_INTERMEDIATE
#define EXTENSIONS EXT_KEY_ENCIPHERMENT, EXT_PURPOSE_EK, EXT_SAN_ONE_RDN

static const LookAlike look_alikes[] = {
        { "STM: header of TCG_PCCLIENT_STORED_CERT, and a tail", EK_VERDICT_TRUSTED, { LEAF, .extensions = { EXTENSIONS } },
          .before = "100100 0464 1002", .fill = 0x00, .n_fill = 300 },
        { "Nuvoton: filled with 0x11", EK_VERDICT_TRUSTED, { LEAF, .extensions = { EXTENSIONS } },
          .fill = 0x11, .n_fill = 192 },
        { "STM: filled with 0xff", EK_VERDICT_TRUSTED, { LEAF, .extensions = { EXTENSIONS } },
          .fill = 0xff, .n_fill = 431 },
        { "STM, Infineon, Nuvoton: rsaesOaep", EK_VERDICT_TRUSTED,
          { LEAF, .oaep = true, .extensions = { EXT_PURPOSE_EK, EXT_SAN_ONE_RDN } } },
        { "STM: expired, signed with SHA-1, rsaesOaep", EK_VERDICT_TRUSTED,
          { .issuer = NAME_ROOT, .not_before = "140101000000Z", .not_after = "240117000000Z", .oaep = true, .sha1 = true,
            .extensions = { EXT_PURPOSE_EK, EXT_SAN_ONE_RDN } }, .signer = &keys.rsa_ca },
        { "Infineon: expired", EK_VERDICT_TRUSTED,
          { LEAF, .not_after = "231115163313Z", .extensions = { EXT_SAN_ONE_RDN, EXT_NOT_CA } } },
        { "Intel: FALSE encoded, keyEncipherment of an EC key", EK_VERDICT_TRUSTED,
          { LEAF, .extensions = { EXTENSIONS, EXT_NOT_CA_ENCODED_DEFAULT } }, .ek = &keys.ek_ec },
        { "Nuvoton: RDN in no order, AIA cut at a space", EK_VERDICT_TRUSTED,
          { .issuer = NAME_UNORDERED, .extensions = { EXT_KEY_AGREEMENT, EXT_PURPOSE_EK, EXT_SAN_THREE_RDNS, EXT_AIA_CUT } },
          .ek = &keys.ek_ec, .signer = &keys.intermediate },
        { "STSAFE, swtpm: until 9999", EK_VERDICT_TRUSTED,
          { LEAF, .not_after = "99991231235959Z", .extensions = { EXTENSIONS } } },
        { "STM: serial not minimal", EK_VERDICT_TRUSTED, { LEAF, .serial = "00000006", .extensions = { EXTENSIONS } } },
        { "Nuvoton: serial that begins with zeros", EK_VERDICT_TRUSTED,
          { LEAF, .serial = "0000007a21", .extensions = { EXTENSIONS } } },
        { "no subjectAltName at all", EK_VERDICT_TRUSTED, { LEAF, .extensions = { EXT_KEY_ENCIPHERMENT, EXT_PURPOSE_EK } } },
        /* What must be refused. */
        { "Google: purpose of an EK on a signing key", EK_VERDICT_NOT_AN_EK,
          { LEAF, .extensions = { EXT_DIGITAL_SIGNATURE, EXT_PURPOSE_EK, EXT_SAN_ONE_RDN } } },
        { "Windows, Azure: AIK", EK_VERDICT_NOT_AN_EK,
          { LEAF, .extensions = { EXT_DIGITAL_SIGNATURE, EXT_PURPOSE_AIK } } },
        { "AIK whose key usage is an EK's", EK_VERDICT_NOT_AN_EK,
          { LEAF, .extensions = { EXT_KEY_ENCIPHERMENT, EXT_PURPOSE_AIK, EXT_SAN_ONE_RDN } } },
        { "a CA", EK_VERDICT_NOT_AN_EK, { LEAF, .extensions = { EXT_CA, EXT_PURPOSE_EK, EXT_SAN_ONE_RDN } } },
        { "signed with SHA-1 for another vendor", EK_VERDICT_SHA1,
          { LEAF, .sha1 = true, .extensions = { EXTENSIONS } } },
        { "not valid yet", EK_VERDICT_EXPIRED,
          { LEAF, .not_before = "300101000000Z", .extensions = { EXTENSIONS } } },
        { "the issuer's name, and another key", EK_VERDICT_UNKNOWN_ISSUER, { LEAF, .extensions = { EXTENSIONS } },
          .signer = &keys.ek_ec },
        { "another vendor's root", EK_VERDICT_UNKNOWN_ISSUER, { .issuer = NAME_ROOT, .extensions = { EXTENSIONS } },
          .signer = &keys.ek_ec },
};

static EkTrust *store(void) {
        static const TestCertificate root = {
                .issuer = NAME_ROOT, .subject = NAME_ROOT, .extensions = { EXT_CA, EXT_CERT_SIGN },
        };
        TestCertificate intermediate = root, unordered = root;
        EkTrust *t;

        intermediate.subject = NAME_INTERMEDIATE;
        intermediate.serial = "00000006";
        unordered.issuer = unordered.subject = NAME_UNORDERED;
        check_int(ek_trust_new(&t), 0);
        add(t, root, keys.root, keys.root, "IFX");
        add(t, intermediate, keys.intermediate, keys.root, "IFX");
        add(t, root, keys.rsa_ca, keys.rsa_ca, "STM");
        add(t, unordered, keys.intermediate, keys.intermediate, "NTC");
        return t;
}

/* As a request has it, and once more as "attezt ca trust test" has it: the same, or one of them lies. */
static EkVerdict verdict_of(const EkTrust *t, ByteView raw, EkFindings *ret) {
        EkFindings again;
        EkNotes notes;
        PublicKey key;

        EkVerdict v = ek_certificate_key(raw, &key) < 0 ? EK_VERDICT_MALFORMED :
                      ek_certificates_verify(t, &key, &raw, 1, NOW, ret);
        check_int(ek_certificate_explain(t, &raw, 1, NOW, &again, &notes), v);
        bool bad = false;
        for (unsigned i = 0; i < notes.n; i++)
                bad |= notes.notes[i].kind == EK_NOTE_BAD;
        check_int(bad, v != EK_VERDICT_TRUSTED);
        return v;
}

static void test_look_alikes(void) {
        _cleanup_(ek_trust_freep) EkTrust *t = store();

        for (size_t i = 0; i < ELEMENTSOF(look_alikes); i++) {
                const LookAlike *l = &look_alikes[i];
                TestCertificate c = l->certificate;
                uint8_t raw[4096];
                ByteWriter w = WRITER(raw, sizeof(raw));
                EkFindings f;

                c.key = l->ek ? *l->ek : keys.ek_rsa;
                c.signer = l->signer ? *l->signer : keys.intermediate;
                _cleanup_bytes_ Bytes der = test_certificate(&c);
                if (l->before)
                        test_write_hex(&w, l->before);
                write_view(&w, bytes_view(&der));
                for (unsigned k = 0; k < l->n_fill; k++)
                        write_u8(&w, (uint8_t) l->fill);

                EkVerdict v = verdict_of(t, test_view(&w), &f);
                if (v != l->expected)
                        fprintf(stderr, "%s: %s\n", l->like, ek_verdict_to_string(v));
                check_int(v, l->expected);
                /* Whatever the encoding in the certificate: identity is the key's own. */
                PublicKey k, expected = public_of(c.key);
                check_int(ek_certificate_key(test_view(&w), &k), 0);
                check(public_key_equal(&k, &expected));
        }
}

/* --- Genuine ones --- */

/* With what comes with the program, and with the roots of virtual TPMs besides. */
static const struct {
        const char *file;
        EkVerdict shipped, with_virtual;
} genuine[] = {
        { "ek/gce-vtpm-ecc-sign.der", EK_VERDICT_NOT_AN_EK, EK_VERDICT_NOT_AN_EK },
        { "ek/gce-vtpm-rsa-ek.der", EK_VERDICT_UNKNOWN_ISSUER, EK_VERDICT_TRUSTED },
        { "ek/gce-vtpm-rsa-sign.der", EK_VERDICT_NOT_AN_EK, EK_VERDICT_NOT_AN_EK },
        { "ek/infineon-ifx-ca08-rsa.der", EK_VERDICT_UNKNOWN_ISSUER, EK_VERDICT_UNKNOWN_ISSUER },
        { "ek/intel-ptt-glk.der", EK_VERDICT_UNKNOWN_ISSUER, EK_VERDICT_UNKNOWN_ISSUER },
        { "ek/nuvoton-2010-rsa.der", EK_VERDICT_UNKNOWN_ISSUER, EK_VERDICT_UNKNOWN_ISSUER },
        { "ek/nuvoton-2111-a.der", EK_VERDICT_TRUSTED, EK_VERDICT_TRUSTED },
        { "ek/nuvoton-2111-b-ecc.der", EK_VERDICT_TRUSTED, EK_VERDICT_TRUSTED },
        { "ek/stm-ecc-ca01.der", EK_VERDICT_TRUSTED, EK_VERDICT_TRUSTED },
        { "ek/stm-rsa-ca02-ab21ccf2.der", EK_VERDICT_TRUSTED, EK_VERDICT_TRUSTED },
        { "ek/stm-rsa-ca02-nuc1.der", EK_VERDICT_TRUSTED, EK_VERDICT_TRUSTED },
        { "ek/stm-rsa-ca02-nuc2.der", EK_VERDICT_TRUSTED, EK_VERDICT_TRUSTED },
        { "ek/stm-rsa-ca05.der", EK_VERDICT_TRUSTED, EK_VERDICT_TRUSTED },
        { "ek/swtpm-create-certs.der", EK_VERDICT_UNKNOWN_ISSUER, EK_VERDICT_UNKNOWN_ISSUER },
        { "ek/swtpm-fedora33.der", EK_VERDICT_UNKNOWN_ISSUER, EK_VERDICT_UNKNOWN_ISSUER },
        { "ek/tcg-example-nonuser.der", EK_VERDICT_UNKNOWN_ISSUER, EK_VERDICT_UNKNOWN_ISSUER },
        { "ek/tcg-example-user.der", EK_VERDICT_UNKNOWN_ISSUER, EK_VERDICT_UNKNOWN_ISSUER },
        { "ek-raw-nv/nuvoton-2010-pad-0x11.bin", EK_VERDICT_UNKNOWN_ISSUER, EK_VERDICT_UNKNOWN_ISSUER },
        { "ek-raw-nv/stm-rsa-ca05-pad-0xff.bin", EK_VERDICT_TRUSTED, EK_VERDICT_TRUSTED },
        { "ek-raw-nv/stm-tcg-header-10010004641002.bin", EK_VERDICT_TRUSTED, EK_VERDICT_TRUSTED },
        { "ak-negative/azure-cvm-vtpm-ak.der", EK_VERDICT_NOT_AN_EK, EK_VERDICT_NOT_AN_EK },
};

static void on_skipped(const char *path, int error, void *userdata) {
        fprintf(stderr, "%s: %s\n", path, strerror(-error));
        check(false);
}

static EkTrust *shipped(bool virtual) {
        static const TrustStoreCallbacks callbacks = { .skipped = on_skipped };
        const char *const directories[] = { DATA "/ek-roots/vendors", virtual ? DATA "/ek-roots/virtual" : NULL, NULL };
        EkTrust *t;

        check_int(trust_store_load(directories, &policy, &callbacks, NULL, &t), 0);
        check(ek_trust_count(t) > 150);
        return t;
}

/* LIST says what is there: each of them once, and nothing else. CAs for Attestation Keys are not among them. */
typedef struct Listed {
        const char *text;
        size_t n;
} Listed;

static void on_loaded(const char *path, const EkIssuer *issuer, bool new, void *userdata) {
        char fingerprint[TRUST_FINGERPRINT_TEXT + 1], line[TRUST_FINGERPRINT_TEXT + TPM_VENDOR_MAX_NAME + 32];
        const char *kind = issuer->anchor ? (strstr(path, "/anchors/") ? "anchor" : "root") : "intermediate";
        Listed *l = userdata;

        check(new);
        trust_fingerprint(issuer->parts.der, fingerprint);
        (void) snprintf(line, sizeof(line), "\t%s\t%s\t%s\t", issuer->vendor, kind, fingerprint);
        check(strstr(l->text, line));
        l->n++;
}

static void test_list(void) {
        static const TrustStoreCallbacks callbacks = { .loaded = on_loaded, .skipped = on_skipped };
        const char *const directories[] = { DATA "/ek-roots/vendors", DATA "/ek-roots/virtual", NULL };
        _cleanup_(ek_trust_freep) EkTrust *t = NULL;
        _cleanup_bytes_ Bytes text = BYTES_NULL;
        size_t lines = 0;

        check_int(file_read(DATA "/ek-roots/LIST", FILE_MAX, &text), 0);
        _cleanup_free_ char *copy = strndup((const char *) text.data, text.size);
        for (const char *p = copy; (p = strchr(p, '\n')); p++)
                lines++;
        Listed l = { .text = copy };
        check_int(trust_store_load(directories, &policy, &callbacks, &l, &t), 0);
        check_int(l.n, lines - 1); /* the first one is a comment */
        check(!strstr(copy, "Microsoft TPM Root Certificate Authority 2014"));
}

static bool read_genuine(const char *name, Bytes *ret) {
        const char *folder = getenv("ATTEZT_EK_CERTIFICATES") ?: DATA "/../../shared/reference/ekcerts";
        _cleanup_free_ char *path = NULL;

        check_int(path_join(folder, name, &path), 0);
        int r = file_read(path, FILE_MAX, ret);
        check(r >= 0 || (r == -ENOENT && !getenv("ATTEZT_EK_CERTIFICATES")));
        return r >= 0;
}

static void test_genuine(void) {
        _cleanup_(ek_trust_freep) EkTrust *real = shipped(false), *all = shipped(true);
        unsigned n = 0;

        for (size_t i = 0; i < ELEMENTSOF(genuine); i++) {
                _cleanup_bytes_ Bytes raw = BYTES_NULL;
                EkFindings f, g;

                if (!read_genuine(genuine[i].file, &raw))
                        continue;
                n++;
                EkVerdict v = verdict_of(real, bytes_view(&raw), &f), w = verdict_of(all, bytes_view(&raw), &g);
                if (v != genuine[i].shipped || w != genuine[i].with_virtual)
                        fprintf(stderr, "%s: %s; with virtual ones: %s\n", genuine[i].file, ek_verdict_to_string(v),
                                ek_verdict_to_string(w));
                check_int(v, genuine[i].shipped);
                check_int(w, genuine[i].with_virtual);
                if (v == EK_VERDICT_TRUSTED) {
                        check(f.vendor[0] && !f.other_vendor);
                        check_int(!!(f.used & EK_ALLOW_EXPIRED), !!strstr(genuine[i].file, "ca02") ||
                                                                         !!strstr(genuine[i].file, "tcg-header"));
                }
        }
        printf("%u genuine certificates\n", n);
}

int main(void) {
        EVP_PKEY **ec[] = { &keys.root, &keys.intermediate, &keys.ek_ec };

        for (size_t i = 0; i < ELEMENTSOF(ec); i++)
                check(*ec[i] = EVP_EC_gen("P-256"));
        check(keys.rsa_ca = EVP_RSA_gen(2048));
        check(keys.ek_rsa = EVP_RSA_gen(2048));
        ek_policy_default(&policy);

        test_look_alikes();
        test_list();
        test_genuine();

        for (size_t i = 0; i < ELEMENTSOF(ec); i++)
                EVP_PKEY_free(*ec[i]);
        EVP_PKEY_free(keys.rsa_ca);
        EVP_PKEY_free(keys.ek_rsa);
        return EXIT_SUCCESS;
}
