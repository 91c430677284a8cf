/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <time.h>

#include "enroll/chain.h"
#include "shared/certificate-authority.h"
#include "shared/files.h"
#include "test.h"

static char dir[] = "/tmp/test-chain-XXXXXX";

/* A point of RFC 7517, A.2. */
static PublicKey sample_key(void) {
        PublicKey k = { .type = KEY_TYPE_P256, .size = 32 };
        _cleanup_bytes_ Bytes x = BYTES_NULL, y = BYTES_NULL;

        check_int(base64url_decode("MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4", 43, 32, &x), 0);
        check_int(base64url_decode("4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM", 43, 32, &y), 0);
        memcpy(k.x, x.data, 32);
        memcpy(k.y, y.data, 32);
        return k;
}

static Bytes sign(CertificateAuthority *ca, const char *const *names) {
        AkCertificate c = {
                .serial = { 1 },
                .ak = sample_key(),
                .tpm = AK_TPM_UNVERIFIED,
                .names = names,
                .any_name = !*names,
                .not_before = time(NULL) - 60,
                .not_after = time(NULL) + 3600,
        };
        Bytes der = BYTES_NULL;
        check_int(certificate_authority_sign_ak(ca, &c, &der), 0);
        return der;
}

static void test_round_trip(CertificateAuthority *ca, Bytes leaf) {
        Bytes both[2] = { leaf };
        _cleanup_chain_ Chain chain = {}, back = {};
        _cleanup_bytes_ Bytes pem = BYTES_NULL;

        check_int(bytes_copy(certificate_authority_intermediate(ca), &both[1]), 0);
        check_int(chain_from_der(both, 2, &chain), 0);
        check_int(chain_to_pem(&chain, &pem), 0);
        check_int(chain_from_pem(bytes_view(&pem), &back), 0);
        check_int(back.n, 2);
        for (size_t i = 0; i < 2; i++)
                check(view_equal(bytes_view(&back.der[i]), bytes_view(&both[i])));

        /* Not with a part missing. */
        both[1].size--;
        check_int(chain_from_der(both, 2, &(Chain) {}), -EBADMSG);
        check_int(chain_from_pem(VIEW_STR("no certificate"), &(Chain) {}), -EBADMSG);
        check_int(chain_from_pem(VIEW_NULL, &(Chain) {}), -EBADMSG);
        check_int(chain_from_der(both, 0, &(Chain) {}), -EBADMSG);
        bytes_done(&both[1]);
}

static void test_U12_one_certificate(Bytes leaf) {
        _cleanup_chain_ Chain chain = {}, back = {};
        _cleanup_bytes_ Bytes pem = BYTES_NULL;

        check_int(chain_from_der(&leaf, 1, &chain), 0);
        check_int(chain_to_pem(&chain, &pem), 0);
        check_int(chain_from_pem(bytes_view(&pem), &back), 0);
        check_int(back.n, 1);
        check(view_equal(bytes_view(&back.der[0]), bytes_view(&leaf)));
}

static void test_too_many(Bytes leaf) {
        Bytes many[CHAIN_CERTIFICATES_MAX + 1];
        _cleanup_chain_ Chain chain = {};

        for (size_t i = 0; i < ELEMENTSOF(many); i++)
                many[i] = leaf;
        check_int(chain_from_der(many, ELEMENTSOF(many), &(Chain) {}), -EBADMSG);
        check_int(chain_from_der(many, ELEMENTSOF(many) - 1, &chain), 0);
}

static void test_certificate(CertificateAuthority *ca, Bytes leaf) {
        PublicKey key, expected = sample_key();
        char issuer[CERTIFICATE_TEXT_MAX];
        CertificateNames names;
        bool has = true;

        check_int(certificate_key(bytes_view(&leaf), &key), 0);
        check(public_key_equal(&key, &expected));
        check_int(certificate_issuer(bytes_view(&leaf), issuer), 0);
        check(strstr(issuer, "CN=Test Intermediate CA"));
        check_int(certificate_names(bytes_view(&leaf), &names), 0);
        check_int(names.n, 2);
        check_str(names.names[0], "framework");
        check_str(names.names[1], "second.name");
        check_int(certificate_has_name(bytes_view(&leaf), "second.name", &has), 0);
        check(has);
        check_int(certificate_has_name(bytes_view(&leaf), "second", &has), 0);
        check(!has);
        /* By its common name, and without a subjectAltName. */
        check_int(certificate_has_name(certificate_authority_intermediate(ca), "Test Intermediate CA", &has), 0);
        check(has);
        check_int(certificate_names(certificate_authority_intermediate(ca), &names), 0);
        check_int(names.n, 0);
        check_int(certificate_key(VIEW_STR("x"), &key), -EINVAL);
}

int main(void) {
        _cleanup_(certificate_authority_freep) CertificateAuthority *ca = NULL;
        _cleanup_free_ char *path = NULL;
        _cleanup_bytes_ Bytes leaf = BYTES_NULL, nameless = BYTES_NULL;
        CertificateNames names;

        check(mkdtemp(dir));
        check_int(path_join(dir, "ca", &path), 0);
        check_int(certificate_authority_create(path, &(CertificateAuthorityTerms) { .name = "Test", .now = time(NULL) }), 0);
        check_int(certificate_authority_load(path, NULL, &ca), 0);
        leaf = sign(ca, (const char *const[]) { "framework", "second.name", NULL });
        nameless = sign(ca, (const char *const[]) { NULL });

        test_round_trip(ca, leaf);
        test_U12_one_certificate(leaf);
        test_too_many(leaf);
        test_certificate(ca, leaf);
        check_int(certificate_names(bytes_view(&nameless), &names), 0);
        check_int(names.n, 0);
        check_int(dir_remove(AT_FDCWD, dir), 0);
        return EXIT_SUCCESS;
}
