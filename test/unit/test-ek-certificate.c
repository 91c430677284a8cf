/* SPDX-License-Identifier: MIT */
#include "protocol/ek-certificate.h"

#include <openssl/ec.h>
#include <openssl/rsa.h>

#include "certificates.h"

#define NOW 1790000000 /* 2026-09-21 */

/* Names: CN=R, CN=I, CN=J, and one of a multi-valued RDN that is not in DER's order (Nuvoton). */
#define NAME_ROOT "300c 310a 3008 0603550403 0c0152"
#define NAME_INTERMEDIATE "300c 310a 3008 0603550403 0c0149"
#define NAME_SECOND "300c 310a 3008 0603550403 0c014a"
#define NAME_UNORDERED "3017 3115 3008 0603550403 0c0152 3009 0603550406 13025457"

static struct {
        EVP_PKEY *root, *intermediate, *second, *rsa_ca, *stranger, *ek_rsa, *ek_ec;
} keys;

static PublicKey public_of(EVP_PKEY *k) {
        uint8_t *der = NULL;
        PublicKey p;

        int n = i2d_PUBKEY(k, &der);
        check(n > 0);
        check_int(public_key_from_spki(VIEW(der, n), &p), 0);
        OPENSSL_free(der);
        return p;
}

static const TestCertificate root = {
        .issuer = NAME_ROOT, .subject = NAME_ROOT, .extensions = { EXT_CA, EXT_CERT_SIGN },
};
static const TestCertificate intermediate = {
        .issuer = NAME_ROOT, .subject = NAME_INTERMEDIATE, .extensions = { EXT_CA_PATH_0, EXT_CERT_SIGN },
};
static const TestCertificate leaf = {
        .issuer = NAME_INTERMEDIATE, .extensions = { EXT_KEY_ENCIPHERMENT, EXT_PURPOSE_EK, EXT_SAN_ONE_RDN },
};

static TestCertificate with(TestCertificate c, EVP_PKEY *key, EVP_PKEY *signer) {
        c.key = key;
        c.signer = signer;
        return c;
}

static int trust_add(EkTrust *t, TestCertificate c, EVP_PKEY *key, EVP_PKEY *signer) {
        c = with(c, key, signer);
        _cleanup_bytes_ Bytes der = test_certificate(&c);
        return ek_trust_add(t, bytes_view(&der), NULL, NULL);
}

/* Root and intermediate */
static EkTrust *usual_trust(void) {
        EkTrust *t;

        check_int(ek_trust_new(&t), 0);
        check_int(trust_add(t, intermediate, keys.intermediate, keys.root), 0);
        check_int(trust_add(t, root, keys.root, keys.root), 0);
        check_int(ek_trust_count(t), 2);
        return t;
}

static EkVerdict verify_der(const EkTrust *t, EVP_PKEY *ek, ByteView der, EkFindings *ret) {
        PublicKey k = public_of(ek);
        return ek_certificates_verify(t, &k, &der, 1, NOW, ret);
}

static EkVerdict verify(const EkTrust *t, TestCertificate c, EVP_PKEY *ek, EVP_PKEY *signer,
                        EkFindings *ret) {
        c = with(c, ek, signer);
        _cleanup_bytes_ Bytes der = test_certificate(&c);
        return verify_der(t, ek, bytes_view(&der), ret);
}

#define check_verdict(t, c, expected)                                                                    \
        do {                                                                                             \
                EkFindings _f;                                                                           \
                check_int(verify((t), (c), keys.ek_rsa, keys.intermediate, &_f), EK_VERDICT_##expected); \
        } while (0)

static void test_trusted(void) {
        _cleanup_(ek_trust_freep) EkTrust *t = usual_trust();
        TestCertificate c = leaf;
        EkFindings f;

        check_int(verify(t, c, keys.ek_rsa, keys.intermediate, &f), EK_VERDICT_TRUSTED);
        check_str(f.tpm.manufacturer, "id:00001014");
        check_str(f.tpm.model, "swtpm");
        check_str(f.tpm.version, "id:20191023");
        check_str(f.issuer, "");

        c.extensions[0] = EXT_KEY_AGREEMENT;
        c.extensions[2] = EXT_SAN_THREE_RDNS;
        check_int(verify(t, c, keys.ek_ec, keys.intermediate, &f), EK_VERDICT_TRUSTED);
        check_str(f.tpm.manufacturer, "id:4E544300");
        check_str(f.tpm.model, "NPCT75x?\"!?");
        check_str(f.tpm.version, "id:0007");

        c.extensions[2] = NULL;
        check_int(verify(t, c, keys.ek_ec, keys.intermediate, &f), EK_VERDICT_TRUSTED);
        check_str(f.tpm.model, "unspecified");

        check_int(trust_add(t, root, keys.root, keys.root), 0); /* ECDSA: another signature each time */
        _cleanup_bytes_ Bytes der = test_certificate(&(TestCertificate) {
                .subject = NAME_SECOND, .extensions = { EXT_CA }, .key = keys.second, .signer = keys.root });
        check_int(ek_trust_add(t, bytes_view(&der), NULL, NULL), 0);
        check_int(ek_trust_add(t, bytes_view(&der), NULL, NULL), -EEXIST);
}

/* What living hardware has: see each line. */
static void test_oddities(void) {
        _cleanup_(ek_trust_freep) EkTrust *t = usual_trust();
        TestCertificate c = leaf;
        EkFindings f;

        c.oaep = true; /* STMicroelectronics, Infineon */
        check_verdict(t, c, TRUSTED);
        c = leaf;
        c.serial = "00000006"; /* STMicroelectronics: not minimal */
        check_verdict(t, c, TRUSTED);
        c.serial = "ff";
        check_verdict(t, c, TRUSTED);
        c = leaf;
        c.extensions[3] = EXT_NOT_CA_ENCODED_DEFAULT; /* Intel */
        check_verdict(t, c, TRUSTED);
        c.extensions[3] = EXT_NOT_CA;
        check_verdict(t, c, TRUSTED);
        c.extensions[3] = EXT_UNKNOWN;
        check_verdict(t, c, TRUSTED);
        c = leaf;
        /* Intel: keyEncipherment of an EC key */
        check_int(verify(t, c, keys.ek_ec, keys.intermediate, &f), EK_VERDICT_TRUSTED);
        c.extensions[0] = EXT_PURPOSE_EK; /* Infineon: no keyUsage */
        c.extensions[1] = NULL;
        check_verdict(t, c, TRUSTED);
        c.extensions[0] = NULL;
        check_verdict(t, c, TRUSTED);
        c = leaf;
        c.not_after = "491231235959Z"; /* UTCTime's last year */
        check_verdict(t, c, TRUSTED);

        /* Nuvoton: RDN in no order, in anchor and leaf alike */
        TestCertificate ca = root;
        ca.issuer = ca.subject = c.issuer = NAME_UNORDERED;
        check_int(trust_add(t, ca, keys.second, keys.second), 0);
        check_int(verify(t, c, keys.ek_rsa, keys.second, &f), EK_VERDICT_TRUSTED);
        /* An RSA anchor whose own signature is SHA-1 is an anchor still. */
        ca.sha1 = true;
        check_int(trust_add(t, ca, keys.rsa_ca, keys.rsa_ca), 0);
        check_int(verify(t, c, keys.ek_rsa, keys.rsa_ca, &f), EK_VERDICT_TRUSTED);
        /* … and what it has signed with SHA-1 is not trusted. */
        c.sha1 = true;
        check_int(verify(t, c, keys.ek_rsa, keys.rsa_ca, &f), EK_VERDICT_SHA1);
}

/* F4: the profile. */
static void test_F4_profile(void) {
        static const char *const third[] = {
                EXT_CA, EXT_CA_PATH_0, EXT_UNKNOWN_CRITICAL,
        };
        static const char *const purposes[] = {
                EXT_PURPOSE_AIK, EXT_PURPOSE_BOTH, EXT_PURPOSE_AIK_AND_EK, EXT_PURPOSE_CLIENT, EXT_PURPOSE_ANY,
        };
        static const char *const usages[] = {
                EXT_DIGITAL_SIGNATURE, EXT_CERT_SIGN,
        };
        _cleanup_(ek_trust_freep) EkTrust *t = usual_trust();
        TestCertificate c;
        EkFindings f;

        for (size_t i = 0; i < ELEMENTSOF(third); i++) {
                c = leaf;
                c.extensions[3] = third[i];
                check_verdict(t, c, NOT_AN_EK);
        }
        c = leaf; /* and what follows it does not make up for it */
        c.extensions[0] = EXT_UNKNOWN_CRITICAL;
        c.extensions[3] = EXT_KEY_ENCIPHERMENT;
        check_verdict(t, c, NOT_AN_EK);
        for (size_t i = 0; i < ELEMENTSOF(purposes); i++) {
                c = leaf;
                c.extensions[1] = purposes[i];
                check_verdict(t, c, NOT_AN_EK);
        }
        c = leaf;
        c.extensions[1] = EXT_PURPOSE_EK_AND_CLIENT;
        check_verdict(t, c, TRUSTED);
        c = root;
        c.extensions[2] = EXT_PURPOSE_ANY_AND_CLIENT;
        check_int(trust_add(t, c, keys.second, keys.second), 0);
        for (size_t i = 0; i < ELEMENTSOF(usages); i++) {
                c = leaf;
                c.extensions[0] = usages[i];
                check_verdict(t, c, NOT_AN_EK);
        }
        check_int(verify(t, c, keys.ek_rsa, keys.intermediate, &f), EK_VERDICT_NOT_AN_EK);
        check_str(f.issuer, "CN=I");
        check_str(f.tpm.model, "");
}

/* F3: whoever is not in the store is nobody, whatever the certificate says about where to ask. */
static void test_F3_U3_issuer_that_is_not_in_the_store(void) {
        _cleanup_(ek_trust_freep) EkTrust *t = usual_trust(), *empty = NULL;
        TestCertificate c = leaf;
        EkFindings f;

        check_int(ek_trust_new(&empty), 0);
        check_int(verify(empty, c, keys.ek_rsa, keys.intermediate, &f), EK_VERDICT_UNKNOWN_ISSUER);
        check_str(f.issuer, "CN=I");
        /* the right name, another key */
        check_int(verify(t, c, keys.ek_rsa, keys.stranger, &f), EK_VERDICT_UNKNOWN_ISSUER);
        /* its own issuer */
        check_int(verify(t, c, keys.ek_rsa, keys.ek_rsa, &f), EK_VERDICT_UNKNOWN_ISSUER);
        c.issuer = NAME_SECOND;
        check_int(verify(t, c, keys.ek_rsa, keys.intermediate, &f), EK_VERDICT_UNKNOWN_ISSUER);
        check_str(f.issuer, "CN=J");
        /* Dates do not matter where trust is missing. */
        c.not_after = "210101000000Z";
        check_int(verify(t, c, keys.ek_rsa, keys.intermediate, &f), EK_VERDICT_UNKNOWN_ISSUER);

        /* An intermediate without its root is no anchor. */
        check_int(trust_add(empty, intermediate, keys.intermediate, keys.root), 0);
        check_int(verify(empty, leaf, keys.ek_rsa, keys.intermediate, &f), EK_VERDICT_UNKNOWN_ISSUER);
        /* One that claims to be its own issuer without having signed itself is none either. */
        c = root;
        c.issuer = c.subject = NAME_INTERMEDIATE;
        check_int(trust_add(empty, c, keys.intermediate, keys.stranger), 0);
        check_int(verify(empty, leaf, keys.ek_rsa, keys.intermediate, &f), EK_VERDICT_UNKNOWN_ISSUER);
        /* The root comes later: what was found out before is forgotten. */
        check_int(trust_add(empty, root, keys.root, keys.root), 0);
        check_int(verify(empty, leaf, keys.ek_rsa, keys.intermediate, &f), EK_VERDICT_TRUSTED);
}

static void test_issuer_text(void) {
        _cleanup_(ek_trust_freep) EkTrust *t = usual_trust();
        TestCertificate c = leaf;
        EkFindings f;
        char name[2048] = "3082012e 3182012a 30820126 0603550403 0c82011d";

        c.issuer = "300f 310d 300b 0603550403 0c04 c3a90a2c"; /* é, line feed, comma */
        check_int(verify(t, c, keys.ek_rsa, keys.stranger, &f), EK_VERDICT_UNKNOWN_ISSUER);
        check_str(f.issuer, "CN=\\C3\\A9\\0A\\,");
        c.issuer = NULL;
        check_int(verify(t, c, keys.ek_rsa, keys.stranger, &f), EK_VERDICT_UNKNOWN_ISSUER);
        check_str(f.issuer, "");
        for (size_t i = 0; i < 0x11d; i++)
                strcat(name, "78");
        c.issuer = name;
        check_int(verify(t, c, keys.ek_rsa, keys.stranger, &f), EK_VERDICT_UNKNOWN_ISSUER);
        check_int(strlen(f.issuer), EK_ISSUER_TEXT_MAX - 1);
}

static void test_dates(void) {
        _cleanup_(ek_trust_freep) EkTrust *t = usual_trust(), *old = NULL;
        TestCertificate c = leaf;
        EkFindings f;

        c.not_after = "260101000000Z";
        check_verdict(t, c, EXPIRED);
        c.not_after = "20260101000000Z";
        check_int(verify(t, c, keys.ek_rsa, keys.intermediate, &f), EK_VERDICT_EXPIRED);
        check_str(f.issuer, "CN=I");
        c = leaf;
        c.not_before = "270101000000Z"; /* not yet */
        check_verdict(t, c, EXPIRED);
        c.not_before = "27010100000Z"; /* no time at all */
        check_verdict(t, c, MALFORMED);

        /* The limits belong to the time. */
        PublicKey ek = public_of(keys.ek_rsa);
        c = with(leaf, keys.ek_rsa, keys.intermediate);
        c.not_before = "260921141320Z";
        c.not_after = "260921141320Z";
        _cleanup_bytes_ Bytes der = test_certificate(&c);
        ByteView v = bytes_view(&der);
        check_int(ek_certificates_verify(t, &ek, &v, 1, NOW, &f), EK_VERDICT_TRUSTED);
        check_int(ek_certificates_verify(t, &ek, &v, 1, NOW - 1, &f), EK_VERDICT_EXPIRED);
        check_int(ek_certificates_verify(t, &ek, &v, 1, NOW + 1, &f), EK_VERDICT_EXPIRED);

        /* An intermediate or a root that has ended; a second one in force heals it. */
        check_int(ek_trust_new(&old), 0);
        c = intermediate;
        c.not_after = "260101000000Z";
        check_int(trust_add(old, root, keys.root, keys.root), 0);
        check_int(trust_add(old, c, keys.intermediate, keys.root), 0);
        check_verdict(old, leaf, EXPIRED);
        check_int(trust_add(old, intermediate, keys.intermediate, keys.root), 0);
        check_verdict(old, leaf, TRUSTED);

        old = ek_trust_free(old);
        check_int(ek_trust_new(&old), 0);
        c = root;
        c.not_after = "260101000000Z";
        check_int(trust_add(old, c, keys.root, keys.root), 0);
        check_int(trust_add(old, intermediate, keys.intermediate, keys.root), 0);
        check_verdict(old, leaf, EXPIRED);
        check_int(trust_add(old, root, keys.root, keys.root), 0);
        check_verdict(old, leaf, TRUSTED);
}

static void test_path_length(void) {
        _cleanup_(ek_trust_freep) EkTrust *t = NULL;
        TestCertificate c = intermediate;

        /* root (no limit) → J (0) → I → leaf: one CA too many below J */
        check_int(ek_trust_new(&t), 0);
        check_int(trust_add(t, root, keys.root, keys.root), 0);
        c.subject = NAME_SECOND;
        check_int(trust_add(t, c, keys.second, keys.root), 0);
        c = intermediate;
        c.issuer = NAME_SECOND;
        check_int(trust_add(t, c, keys.intermediate, keys.second), 0);
        check_verdict(t, leaf, UNKNOWN_ISSUER);
        c = intermediate;
        c.subject = NAME_SECOND;
        c.extensions[0] = EXT_CA_PATH_1;
        check_int(trust_add(t, c, keys.second, keys.root), 0);
        check_verdict(t, leaf, TRUSTED);
}

/* A chain of n certificates, and one that runs in a circle. */
static EkVerdict verify_deep(unsigned n) {
        _cleanup_(ek_trust_freep) EkTrust *t = NULL;
        char names[8][64];
        EkFindings f;

        check_int(ek_trust_new(&t), 0);
        for (unsigned i = 0; i < n; i++)
                (void) snprintf(names[i], sizeof(names[i]), "300c 310a 3008 0603550403 0c01%02x", 'a' + i);
        for (unsigned i = 0; i < n - 1; i++) {
                TestCertificate c = root;
                c.issuer = names[i == 0 ? 0 : i - 1];
                c.subject = names[i];
                check_int(trust_add(t, c, keys.root, keys.root), 0);
        }
        TestCertificate c = leaf;
        c.issuer = names[n - 2];
        return verify(t, c, keys.ek_rsa, keys.root, &f);
}

static void test_depth(void) {
        _cleanup_(ek_trust_freep) EkTrust *t = NULL;
        TestCertificate c = root;
        EkFindings f;

        check_int(verify_deep(2), EK_VERDICT_TRUSTED);
        check_int(verify_deep(6), EK_VERDICT_TRUSTED);
        check_int(verify_deep(7), EK_VERDICT_UNKNOWN_ISSUER);

        check_int(ek_trust_new(&t), 0);
        c.issuer = NAME_SECOND;
        c.subject = NAME_INTERMEDIATE;
        check_int(trust_add(t, c, keys.intermediate, keys.second), 0);
        c.issuer = NAME_INTERMEDIATE;
        c.subject = NAME_SECOND;
        check_int(trust_add(t, c, keys.second, keys.intermediate), 0);
        check_int(verify(t, leaf, keys.ek_rsa, keys.intermediate, &f), EK_VERDICT_UNKNOWN_ISSUER);
}

static void test_add_refused(void) {
        _cleanup_(ek_trust_freep) EkTrust *t = NULL;
        TestCertificate c = root;

        check_int(ek_trust_new(&t), 0);
        check_int(ek_trust_add(t, VIEW_STR("no certificate"), NULL, NULL), -EINVAL);
        check_int(ek_trust_add(t, VIEW_NULL, NULL, NULL), -EINVAL);
        c.extensions[0] = EXT_NOT_CA;
        check_int(trust_add(t, c, keys.root, keys.root), -EKEYREJECTED);
        c.extensions[0] = EXT_UNKNOWN;
        check_int(trust_add(t, c, keys.root, keys.root), -EKEYREJECTED);
        c = root;
        c.extensions[1] = EXT_DIGITAL_SIGNATURE;
        check_int(trust_add(t, c, keys.root, keys.root), -EKEYREJECTED);
        c.extensions[1] = NULL; /* without keyUsage it is one */
        check_int(trust_add(t, c, keys.root, keys.root), 0);
        c = root;
        c.extensions[2] = EXT_PURPOSE_AIK; /* Microsoft's 1822 */
        check_int(trust_add(t, c, keys.root, keys.root), -EKEYREJECTED);
        c.extensions[2] = EXT_PURPOSE_CLIENT;
        check_int(trust_add(t, c, keys.root, keys.root), -EKEYREJECTED);
        c.extensions[2] = EXT_PURPOSE_EK;
        check_int(trust_add(t, c, keys.root, keys.root), 0);
        c.extensions[2] = EXT_PURPOSE_ANY;
        check_int(trust_add(t, c, keys.root, keys.root), 0);
        c.extensions[2] = EXT_UNKNOWN_CRITICAL;
        check_int(trust_add(t, c, keys.root, keys.root), -EKEYREJECTED);
        c = root;
        c.extensions[2] = EXT_CA; /* twice */
        check_int(trust_add(t, c, keys.root, keys.root), -EINVAL);

        EVP_PKEY *weak = EVP_RSA_gen(1024);
        check_int(trust_add(t, root, weak, weak), -EKEYREJECTED);
        EVP_PKEY_free(weak);
        check_int(ek_trust_count(t), 3);
}

/* F1: a certificate is worth something for its own key only. F2: none at all is not "all are good". */
static void test_F1_F2_U2_certificates_of_other_keys(void) {
        _cleanup_(ek_trust_freep) EkTrust *t = usual_trust();
        PublicKey rsa = public_of(keys.ek_rsa), ec = public_of(keys.ek_ec), other = public_of(keys.stranger);
        TestCertificate c = with(leaf, keys.ek_rsa, keys.intermediate);
        EkFindings f;

        _cleanup_bytes_ Bytes good = test_certificate(&c);
        c.extensions[2] = NULL;
        c.not_after = "210101000000Z";
        _cleanup_bytes_ Bytes expired = test_certificate(&c);
        c.extensions[0] = EXT_CA;
        _cleanup_bytes_ Bytes ca = test_certificate(&c);
        c = with(leaf, keys.ek_rsa, keys.stranger);
        _cleanup_bytes_ Bytes unknown = test_certificate(&c);
        c = with(leaf, keys.ek_ec, keys.intermediate);
        _cleanup_bytes_ Bytes good_ec = test_certificate(&c);
        ByteView all[] = { bytes_view(&ca), bytes_view(&unknown), bytes_view(&expired), bytes_view(&good_ec),
                           bytes_view(&good) };

        check_int(ek_certificates_verify(t, &rsa, all, 0, NOW, &f), EK_VERDICT_NONE);
        check_int(ek_certificates_verify(t, &rsa, all, 1, NOW, &f), EK_VERDICT_NOT_AN_EK);
        check_int(ek_certificates_verify(t, &rsa, all, 2, NOW, &f), EK_VERDICT_UNKNOWN_ISSUER);
        check_int(ek_certificates_verify(t, &rsa, all, 3, NOW, &f), EK_VERDICT_EXPIRED);
        check_int(ek_certificates_verify(t, &rsa, all, 4, NOW, &f), EK_VERDICT_EXPIRED);
        check_int(ek_certificates_verify(t, &rsa, all, 5, NOW, &f), EK_VERDICT_TRUSTED);
        check_int(ek_certificates_verify(t, &rsa, all + 3, 1, NOW, &f), EK_VERDICT_OTHER_KEY);
        check_int(ek_certificates_verify(t, &ec, all, 5, NOW, &f), EK_VERDICT_TRUSTED);
        check_int(ek_certificates_verify(t, &ec, all, 3, NOW, &f), EK_VERDICT_OTHER_KEY);
        check_int(ek_certificates_verify(t, &other, all, 5, NOW, &f), EK_VERDICT_OTHER_KEY);
        check_str(f.tpm.model, "");

        /* Another algorithm is another key; garbage is garbage even beside a good one. */
        EVP_PKEY *p521 = EVP_EC_gen("P-521");
        c = with(leaf, p521, keys.intermediate);
        _cleanup_bytes_ Bytes exotic = test_certificate(&c);
        EVP_PKEY_free(p521);
        check_int(ek_certificates_verify(t, &rsa, (ByteView[]) { bytes_view(&exotic), all[4] }, 2, NOW, &f),
                  EK_VERDICT_TRUSTED);
        check_int(ek_certificates_verify(t, &rsa, (ByteView[]) { all[4], VIEW_STR("0") }, 2, NOW, &f),
                  EK_VERDICT_MALFORMED);
        ByteView many[EK_CERTIFICATES_MAX + 1];
        for (size_t i = 0; i < ELEMENTSOF(many); i++)
                many[i] = all[4];
        check_int(ek_certificates_verify(t, &rsa, many, EK_CERTIFICATES_MAX, NOW, &f), EK_VERDICT_TRUSTED);
        check_int(ek_certificates_verify(t, &rsa, many, EK_CERTIFICATES_MAX + 1, NOW, &f),
                  EK_VERDICT_MALFORMED);
}

/* Truncated anywhere, and a bit of every byte turned. */
static void test_damaged(void) {
        _cleanup_(ek_trust_freep) EkTrust *t = usual_trust();
        TestCertificate c = with(leaf, keys.ek_ec, keys.intermediate);
        _cleanup_bytes_ Bytes der = test_certificate(&c);
        EkFindings f;

        for (size_t n = 0; n < der.size; n++) {
                _cleanup_bytes_ Bytes cut = BYTES_NULL;
                check_int(bytes_copy(VIEW(der.data, n), &cut), 0);
                check_int(verify_der(t, keys.ek_ec, bytes_view(&cut), &f), EK_VERDICT_MALFORMED);
        }
        for (size_t i = 0; i < der.size; i++) {
                der.data[i] ^= 0x01;
                check(verify_der(t, keys.ek_ec, bytes_view(&der), &f) != EK_VERDICT_TRUSTED);
                der.data[i] ^= 0x01;
        }
        check_int(verify_der(t, keys.ek_ec, bytes_view(&der), &f), EK_VERDICT_TRUSTED);
}

static void test_B7_U16_nv_padding(void) {
        _cleanup_(ek_trust_freep) EkTrust *t = usual_trust();
        TestCertificate c = with(leaf, keys.ek_rsa, keys.intermediate);
        _cleanup_bytes_ Bytes der = test_certificate(&c);
        uint8_t raw[4096];
        ByteWriter w = WRITER(raw, sizeof(raw));
        ByteView v = VIEW_NULL;
        PublicKey k, expected = public_of(keys.ek_rsa);
        EkFindings f;

        test_write_hex(&w, "100100 0400 1002");
        write_view(&w, bytes_view(&der));
        for (unsigned i = 0; i < 300; i++)
                write_u8(&w, i % 2 ? 0xff : 0x11);
        check_int(ek_certificate_trim(writer_view(&w), &v), 0);
        check(view_equal(v, bytes_view(&der)));
        check_int(ek_certificate_trim(VIEW(raw + 7, w.size - 7), &v), 0);
        check(view_equal(v, bytes_view(&der)));
        check_int(ek_certificate_trim(VIEW(raw, der.size + 7), &v), 0);
        check(view_equal(v, bytes_view(&der)));
        check_int(verify_der(t, keys.ek_rsa, writer_view(&w), &f), EK_VERDICT_TRUSTED);
        check_int(ek_certificate_key(writer_view(&w), &k), 0);
        check(public_key_equal(&k, &expected));

        memmove(raw + 5, raw + 7, w.size - 7); /* without the second tag */
        check_int(ek_certificate_trim(VIEW(raw, w.size - 2), &v), 0);
        check(view_equal(v, bytes_view(&der)));

        v = VIEW_NULL;
        check_int(ek_certificate_trim(VIEW(der.data, der.size - 1), &v), -EINVAL);
        check_int(ek_certificate_trim(VIEW(raw, 6), &v), -EINVAL);
        check_int(ek_certificate_trim(VIEW_STR("\x10\x01\x00\x00\x00"), &v), -EINVAL);
        check_int(ek_certificate_trim(VIEW_NULL, &v), -EINVAL);
        check_int(ek_certificate_trim(VIEW("\x31\x00", 2), &v), -EINVAL);
        check_int(ek_certificate_trim(VIEW("\x30\x80\x00\x00", 4), &v), -EINVAL);
        check_int(ek_certificate_trim(VIEW("\xff\xff\xff\xff\xff\xff\xff\xff", 8), &v), -EINVAL);
        check(!v.data);
}

static void test_U17_oaep_key(void) {
        TestCertificate c = with(leaf, keys.ek_rsa, keys.intermediate);
        PublicKey k, expected = public_of(keys.ek_rsa);

        c.oaep = true;
        _cleanup_bytes_ Bytes oaep = test_certificate(&c);
        check_int(ek_certificate_key(bytes_view(&oaep), &k), 0);
        check(public_key_equal(&k, &expected));
        check_int(ek_certificate_key(VIEW_STR("x"), &k), -EINVAL);
        check_str(ek_verdict_to_string(EK_VERDICT_TRUSTED), "trusted");
        check_str(ek_verdict_to_string(_EK_VERDICT_MAX), "invalid");
        for (EkVerdict v = 0; v < _EK_VERDICT_MAX; v++)
                check(strlen(ek_verdict_to_string(v)) > 0);
}

int main(void) {
        EVP_PKEY **ec[] = { &keys.root, &keys.intermediate, &keys.second, &keys.stranger, &keys.ek_ec };
        for (size_t i = 0; i < ELEMENTSOF(ec); i++)
                check(*ec[i] = EVP_EC_gen("P-256"));
        check(keys.rsa_ca = EVP_RSA_gen(2048));
        check(keys.ek_rsa = EVP_RSA_gen(2048));

        test_trusted();
        test_oddities();
        test_F4_profile();
        test_F3_U3_issuer_that_is_not_in_the_store();
        test_issuer_text();
        test_dates();
        test_path_length();
        test_depth();
        test_add_refused();
        test_F1_F2_U2_certificates_of_other_keys();
        test_damaged();
        test_B7_U16_nv_padding();
        test_U17_oaep_key();

        for (size_t i = 0; i < ELEMENTSOF(ec); i++)
                EVP_PKEY_free(*ec[i]);
        EVP_PKEY_free(keys.rsa_ca);
        EVP_PKEY_free(keys.ek_rsa);
        return EXIT_SUCCESS;
}
