/* SPDX-License-Identifier: MIT */
#include "shared/certificate-authority.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>
#include <time.h>

#include "shared/files.h"
#include "test.h"

#define NOW 1790000000

static char top[] = "/tmp/test-certificate-authority.XXXXXX";

static char *below(const char *name) {
        char *p = NULL;
        check_int(path_join(top, name, &p), 0);
        return p;
}

static unsigned mode_of(const char *dir, const char *name) {
        _cleanup_free_ char *path = NULL;
        struct stat st;

        check_int(path_join(dir, name, &path), 0);
        check_int(stat(path, &st), 0);
        return st.st_mode & 07777;
}

static int create(const char *dir, const char *name) {
        const CertificateAuthorityTerms terms = { .name = name, .now = NOW };

        return certificate_authority_create(dir, &terms);
}

static void copy_file(const char *from_dir, const char *to_dir, const char *name) {
        _cleanup_free_ char *from = NULL, *to = NULL;
        _cleanup_bytes_ Bytes b = BYTES_NULL;

        check_int(path_join(from_dir, name, &from), 0);
        check_int(path_join(to_dir, name, &to), 0);
        check_int(file_read(from, 100000, &b), 0);
        check_int(file_write_atomic_path(to, 0600, bytes_view(&b)), 0);
}

static void test_create(void) {
        static const char *const bad[] = {
                "", " a", "a ", "a*", "a@b", "a\n", "na\xc3\xafve", "a_b",
                "01234567890123456789012345678901234567890",
        };
        _cleanup_free_ char *dir = below("ca"), *other = below("other"), *deep = below("none/ca"),
                       *left = below(".ca.new");
        _cleanup_(certificate_authority_freep) CertificateAuthority *ca = NULL;
        struct stat st;

        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                check_int(create(dir, bad[i]), -EINVAL);
        check_int(certificate_authority_load(dir, NULL, &ca), -ENOENT);

        /* What a crash left is no obstacle and does not stay. */
        check_int(dir_make(left, 0700), 0);
        copy_file("/etc", left, "passwd");
        check_int(create(dir, "Home (test)"), 0);
        check_int(stat(left, &st), -1);

        check_int(mode_of(top, "ca"), 0700);
        check_int(mode_of(dir, "root.key"), 0600);
        check_int(mode_of(dir, "intermediate.key"), 0600);
        check_int(mode_of(dir, "root.pem"), 0644);
        check_int(mode_of(dir, "intermediate.pem"), 0644);

        /* Never overwritten, be it empty, a file or a link to nowhere. */
        check_int(create(dir, "Home"), -EEXIST);
        check_int(mkdir(other, 0700), 0);
        check_int(create(other, "Home"), -EEXIST);
        check_int(rmdir(other), 0);
        check_int(symlink("/nowhere", other), 0);
        check_int(create(other, "Home"), -EEXIST);
        check_int(unlink(other), 0);
        check_int(create(deep, "Home"), -ENOENT);

        check_int(certificate_authority_load(dir, NULL, &ca), 0);
        check_int(strlen(certificate_authority_fingerprint(ca)), 64);
        check(strstr(certificate_authority_root_pem(ca), "-----BEGIN CERTIFICATE-----"));
        check_int(certificate_authority_not_after(ca), NOW + 10LL * 365 * 86400);
}

static void test_load_refused(void) {
        static const char *const files[] = { "root.pem", "intermediate.pem", "intermediate.key" };
        _cleanup_free_ char *dir = below("ca"), *other = below("other"), *mixed = below("mixed");
        CertificateAuthority *ca = NULL;

        check_int(create(other, "Other"), 0);
        check_int(dir_make(mixed, 0700), 0);
        for (size_t i = 0; i < ELEMENTSOF(files); i++) {
                _cleanup_free_ char *path = NULL;
                check_int(path_join(mixed, files[i], &path), 0);

                for (size_t k = 0; k < ELEMENTSOF(files); k++)
                        copy_file(k == i ? other : dir, mixed, files[k]);
                check_int(certificate_authority_load(mixed, NULL, &ca), -EBADMSG);
                check_int(file_write_atomic_path(path, 0600, VIEW_STR("-----BEGIN CERTIFICATE-----\n")), 0);
                check_int(certificate_authority_load(mixed, NULL, &ca), -EBADMSG);
                check_int(unlink(path), 0);
                check_int(certificate_authority_load(mixed, NULL, &ca), -EBADMSG);
                check(!ca);
        }

        /* The root's key may be taken away. */
        for (size_t k = 0; k < ELEMENTSOF(files); k++)
                copy_file(dir, mixed, files[k]);
        check_int(certificate_authority_load(mixed, NULL, &ca), 0);
        certificate_authority_free(ca);
}

static PublicKey new_key(const char *type, unsigned bits) {
        EVP_PKEY *k = bits ? EVP_RSA_gen(bits) : EVP_EC_gen(type);
        uint8_t *der = NULL;
        PublicKey p;

        int n = i2d_PUBKEY(k, &der);
        check(n > 0);
        check_int(public_key_from_spki(VIEW(der, n), &p), 0);
        OPENSSL_free(der);
        EVP_PKEY_free(k);
        return p;
}

static AkCertificate example(const PublicKey *ak) {
        static const char *const names[] = { "device-01", NULL };
        return (AkCertificate) {
                .serial = { 0x7f, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16 },
                .ak = *ak,
                .names = names,
                .tpm = { .manufacturer = "id:00001014", .model = "swtpm", .version = "id:20191023" },
                .not_before = NOW - 300,
                .not_after = NOW + 86400,
        };
}

static X509 *parse(ByteView der) {
        const unsigned char *p = der.data;
        X509 *x = d2i_X509(NULL, &p, (long) der.size);

        check(x && p == der.data + der.size);
        return x;
}

/* As OpenSSL sees it: critical, and the DER of the value. */
static void check_extension(X509 *x, int nid, bool critical, const char *hex) {
        int i = X509_get_ext_by_NID(x, nid, -1);
        check(i >= 0);
        X509_EXTENSION *e = X509_get_ext(x, i);
        const ASN1_OCTET_STRING *v = X509_EXTENSION_get_data(e);

        check_int(X509_EXTENSION_get_critical(e) != 0, critical);
        if (hex)
                check_hex(VIEW(ASN1_STRING_get0_data(v), ASN1_STRING_length(v)), hex);
}

/* To the root, by OpenSSL, with all it checks by default. */
static void check_chain(const CertificateAuthority *ca, X509 *leaf) {
        BIO *b = BIO_new_mem_buf(certificate_authority_root_pem(ca), -1);
        X509 *root = PEM_read_bio_X509(b, NULL, NULL, NULL);
        X509 *intermediate = parse(certificate_authority_intermediate(ca));
        X509_STORE *store = X509_STORE_new();
        X509_STORE_CTX *c = X509_STORE_CTX_new();
        STACK_OF(X509) *chain = sk_X509_new_null();

        check_extension(root, NID_basic_constraints, true, "30060101ff020101");
        check_extension(root, NID_key_usage, true, "03020106");
        check_extension(root, NID_subject_key_identifier, false, NULL);
        check_extension(intermediate, NID_basic_constraints, true, "30060101ff020100");
        check_extension(intermediate, NID_key_usage, true, "03020106");
        check_extension(intermediate, NID_subject_key_identifier, false, NULL);
        check_extension(intermediate, NID_authority_key_identifier, false, NULL);
        check(ASN1_INTEGER_cmp(X509_get0_serialNumber(root), X509_get0_serialNumber(intermediate)) != 0);

        check(X509_STORE_add_cert(store, root) == 1 && sk_X509_push(chain, intermediate) == 1);
        check(X509_STORE_CTX_init(c, store, leaf, chain) == 1);
        X509_VERIFY_PARAM *param = X509_STORE_CTX_get0_param(c);
        X509_VERIFY_PARAM_set_time(param, NOW);
        X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_X509_STRICT);
        check_int(X509_verify_cert(c), 1);

        sk_X509_free(chain);
        X509_STORE_CTX_free(c);
        X509_STORE_free(store);
        X509_free(intermediate);
        X509_free(root);
        BIO_free(b);
}

static void test_F12_U9_sign(CertificateAuthority *ca, const PublicKey *ak) {
        AkCertificate c = example(ak);
        _cleanup_bytes_ Bytes der = BYTES_NULL, san = BYTES_NULL, spki = BYTES_NULL;
        uint8_t *name = NULL;

        check_int(certificate_authority_sign_ak(ca, &c, &der), 0);
        X509 *x = parse(bytes_view(&der));
        check_int(X509_get_version(x), 2);
        int n = i2d_X509_NAME(X509_get_subject_name(x), &name);
        check_hex(VIEW(name, n), "3000");
        OPENSSL_free(name);
        check_int(X509_get_signature_nid(x), NID_ecdsa_with_SHA256);

        const ASN1_INTEGER *serial = X509_get0_serialNumber(x);
        check(view_equal(VIEW(serial->data, serial->length), VIEW_ARRAY(c.serial)));
        time_t t = NOW - 300;
        check_int(X509_cmp_time(X509_get0_notBefore(x), &t), -1); /* equal counts as earlier */
        t--;
        check_int(X509_cmp_time(X509_get0_notBefore(x), &t), 1);
        t = NOW + 86400 - 1;
        check_int(X509_cmp_time(X509_get0_notAfter(x), &t), 1);
        t++;
        check_int(X509_cmp_time(X509_get0_notAfter(x), &t), -1);

        check_int(X509_get_ext_count(x), 6);
        check_extension(x, NID_authority_key_identifier, false, NULL);
        check_extension(x, NID_subject_key_identifier, false, NULL);
        check_extension(x, NID_key_usage, true, "03020780");
        check_extension(x, NID_basic_constraints, true, "3000");
        check_extension(x, NID_ext_key_usage, false, "3007 0605 6781050803");
        char text[2048];
        check_int(ak_certificate_san(&c, &san), 0);
        hex_encode(bytes_view(&san), text);
        check_extension(x, NID_subject_alt_name, true, text);

        uint8_t *der_spki = NULL;
        n = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x), &der_spki);
        check_int(public_key_to_spki(ak, &spki), 0);
        check(view_equal(VIEW(der_spki, n), bytes_view(&spki)));
        OPENSSL_free(der_spki);
        check_chain(ca, x);
        X509_free(x);
}

static void test_F12_F13_sign_refused(CertificateAuthority *ca, const PublicKey *ak) {
        Bytes der = BYTES_NULL;
        AkCertificate c;

        c = example(ak);
        c.not_after = certificate_authority_not_after(ca) + 1; /* F12 */
        check_int(certificate_authority_sign_ak(ca, &c, &der), -EINVAL);
        c.not_after = c.not_before;
        check_int(certificate_authority_sign_ak(ca, &c, &der), -EINVAL);
        c = example(ak);
        c.names = NULL; /* F13 */
        check_int(certificate_authority_sign_ak(ca, &c, &der), -EINVAL);
        c = example(ak);
        c.serial[0] = 0x80;
        check_int(certificate_authority_sign_ak(ca, &c, &der), -EINVAL);
        c = example(ak);
        c.ak.type = KEY_TYPE_INVALID;
        check_int(certificate_authority_sign_ak(ca, &c, &der), -EINVAL);
        check(!der.data);
}

int main(void) {
        PublicKey rsa = new_key(NULL, 2048), ec = new_key("P-256", 0);
        CertificateAuthority *ca;

        check(mkdtemp(top));
        test_create();
        test_load_refused();

        _cleanup_free_ char *dir = below("ca");
        check_int(certificate_authority_load(dir, NULL, &ca), 0);
        test_F12_U9_sign(ca, &rsa);
        test_F12_U9_sign(ca, &ec);
        test_F12_F13_sign_refused(ca, &rsa);
        certificate_authority_free(ca);
        check_int(dir_remove(AT_FDCWD, top), 0);
        return EXIT_SUCCESS;
}
