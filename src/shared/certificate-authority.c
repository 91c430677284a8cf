/* SPDX-License-Identifier: MIT */
#include "shared/certificate-authority.h"

#include <openssl/err.h>
#include <openssl/x509.h>

#include "protocol/certificate.h"
#include "protocol/gnutls-types.h"
#include "shared/files.h"

#define CA_FILE_MAX (64U * 1024)
#define KEY_ID_SIZE 20U      /* ours; another CA's may be longer */
#define KEY_ID_SIZE_MAX 64U

#define OID_PURPOSE_AIK "2.23.133.8.3" /* tcg-kp-AIKCertificate */
#define OID_SAN "2.5.29.17"

struct CertificateAuthority {
        gnutls_x509_crt_t intermediate;
        gnutls_privkey_t key;
        Bytes intermediate_der;
        Bytes root_der;
        Bytes root_pem;
        char fingerprint[2 * 32 + 1];
        int64_t not_after;
        uint8_t key_id[KEY_ID_SIZE_MAX];
        size_t key_id_size;
};

CertificateAuthority *certificate_authority_free(CertificateAuthority *ca) {
        if (!ca)
                return NULL;
        if (ca->intermediate)
                gnutls_x509_crt_deinit(ca->intermediate);
        if (ca->key)
                gnutls_privkey_deinit(ca->key);
        bytes_done(&ca->intermediate_der);
        bytes_done(&ca->root_der);
        bytes_done(&ca->root_pem);
        free(ca);
        return NULL;
}

ByteView certificate_authority_intermediate(const CertificateAuthority *ca) {
        return bytes_view(&ca->intermediate_der);
}

ByteView certificate_authority_root(const CertificateAuthority *ca) {
        return bytes_view(&ca->root_der);
}

const char *certificate_authority_root_pem(const CertificateAuthority *ca) {
        return (const char *) ca->root_pem.data;
}

const char *certificate_authority_fingerprint(const CertificateAuthority *ca) {
        return ca->fingerprint;
}

int64_t certificate_authority_not_after(const CertificateAuthority *ca) {
        return ca->not_after;
}

/* A missing file in a directory that is there is damage, not the absence of a CA. */
static int read_file(int dir_fd, const char *name, Bytes *ret) {
        int r = file_read_at(dir_fd, name, CA_FILE_MAX, ret);
        return r == -ENOENT || r == -EFBIG ? -EBADMSG : r;
}

static int read_certificate(int dir_fd, const char *name, gnutls_x509_crt_t *ret, Bytes *ret_der) {
        _cleanup_(gnutls_x509_crt_deinitp) gnutls_x509_crt_t crt = NULL;
        _cleanup_bytes_ Bytes pem = BYTES_NULL;
        _cleanup_datum_ gnutls_datum_t der = {};

        int r = read_file(dir_fd, name, &pem);
        if (r < 0)
                return r;
        gnutls_datum_t d = datum_of(bytes_view(&pem));
        if (gnutls_x509_crt_init(&crt) < 0)
                return -ENOMEM;
        if (gnutls_x509_crt_import(crt, &d, GNUTLS_X509_FMT_PEM) < 0 ||
            gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_DER, &der) < 0)
                return -EBADMSG;
        r = bytes_copy(datum_view(&der), ret_der);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(crt);
        return 0;
}

static int load_root(CertificateAuthority *ca, int dir_fd) {
        _cleanup_(gnutls_x509_crt_deinitp) gnutls_x509_crt_t root = NULL;
        _cleanup_datum_ gnutls_datum_t pem = {};
        uint8_t hash[32];
        size_t n = sizeof(hash);

        int r = read_certificate(dir_fd, "root.pem", &root, &ca->root_der);
        if (r < 0)
                return r;
        if (gnutls_x509_crt_get_fingerprint(root, GNUTLS_DIG_SHA256, hash, &n) < 0 ||
            gnutls_x509_crt_export2(root, GNUTLS_X509_FMT_PEM, &pem) < 0)
                return -EBADMSG;
        hex_encode(VIEW(hash, n), ca->fingerprint);
        return bytes_copy(datum_view(&pem), &ca->root_pem);
}

/* Are both CAs, and has the root signed the intermediate? */
static int check_chain(ByteView root, ByteView intermediate, int64_t *ret_not_after) {
        _cleanup_certificate_ Certificate r = {}, i = {};
        CertificateParts root_parts, parts;

        if (certificate_parts(root, &root_parts) < 0 || certificate_parts(intermediate, &parts) < 0 ||
            certificate_read(&root_parts, &r) < 0 || certificate_read(&parts, &i) < 0)
                return -EBADMSG;
        if (!r.ca || !i.ca || !(i.usage & GNUTLS_KEY_KEY_CERT_SIGN) ||
            !view_equal(parts.issuer, root_parts.subject))
                return -EBADMSG;

        const unsigned char *p = root_parts.spki.data;
        EVP_PKEY *key = d2i_PUBKEY(NULL, &p, (long) root_parts.spki.size);
        bool good = key && certificate_signed_by(&i, key, false) >= 0;
        EVP_PKEY_free(key);
        ERR_clear_error();
        if (!good)
                return -EBADMSG;
        *ret_not_after = MIN_OF(i.not_after, r.not_after);
        return 0;
}

static int load_key(CertificateAuthority *ca, int dir_fd) {
        _cleanup_(bytes_erase) Bytes pem = BYTES_NULL;
        _cleanup_(gnutls_pubkey_deinitp) gnutls_pubkey_t public = NULL;
        uint8_t a[32], b[32];
        size_t n = sizeof(a), m = sizeof(b);

        int r = read_file(dir_fd, "intermediate.key", &pem);
        if (r < 0)
                return r;
        gnutls_datum_t d = datum_of(bytes_view(&pem));
        if (gnutls_privkey_init(&ca->key) < 0 || gnutls_pubkey_init(&public) < 0)
                return -ENOMEM;
        if (gnutls_privkey_import_x509_raw(ca->key, &d, GNUTLS_X509_FMT_PEM, NULL, 0) < 0 ||
            gnutls_pubkey_import_privkey(public, ca->key, 0, 0) < 0 ||
            gnutls_pubkey_get_key_id(public, GNUTLS_KEYID_USE_SHA256, a, &n) < 0 ||
            gnutls_x509_crt_get_key_id(ca->intermediate, GNUTLS_KEYID_USE_SHA256, b, &m) < 0 ||
            !view_equal(VIEW(a, n), VIEW(b, m)))
                return -EBADMSG;

        ca->key_id_size = sizeof(ca->key_id);
        if (gnutls_x509_crt_get_subject_key_id(ca->intermediate, ca->key_id, &ca->key_id_size, NULL) < 0)
                return -EBADMSG;
        return 0;
}

int certificate_authority_load(const char *dir, CertificateAuthority **ret) {
        _cleanup_(certificate_authority_freep) CertificateAuthority *ca = NULL;
        _cleanup_close_ int fd = dir_open(dir);
        if (fd < 0)
                return fd;
        ca = calloc(1, sizeof(CertificateAuthority));
        if (!ca)
                return -ENOMEM;

        int r = load_root(ca, fd);
        if (r < 0)
                return r;
        r = read_certificate(fd, "intermediate.pem", &ca->intermediate, &ca->intermediate_der);
        if (r < 0)
                return r;
        r = check_chain(bytes_view(&ca->root_der), bytes_view(&ca->intermediate_der), &ca->not_after);
        if (r < 0)
                return r;
        r = load_key(ca, fd);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(ca);
        return 0;
}

/* RFC 7093, section 2: the leftmost 160 bits of a SHA-256, here over the whole SubjectPublicKeyInfo. */
static int set_public_key(gnutls_x509_crt_t crt, const PublicKey *k) {
        _cleanup_(gnutls_pubkey_deinitp) gnutls_pubkey_t public = NULL;
        _cleanup_bytes_ Bytes spki = BYTES_NULL;
        uint8_t hash[32];

        int r = public_key_to_spki(k, &spki);
        if (r < 0)
                return r;
        r = public_key_hash(k, hash);
        if (r < 0)
                return r;
        gnutls_datum_t d = datum_of(bytes_view(&spki));
        if (gnutls_pubkey_init(&public) < 0)
                return -ENOMEM;
        if (gnutls_pubkey_import(public, &d, GNUTLS_X509_FMT_DER) < 0)
                return -EINVAL;
        if (gnutls_x509_crt_set_pubkey(crt, public) < 0 ||
            gnutls_x509_crt_set_subject_key_id(crt, hash, KEY_ID_SIZE) < 0)
                return -EIO;
        return 0;
}

static int set_extensions(CertificateAuthority *ca, gnutls_x509_crt_t crt, ByteView san) {
        if (gnutls_x509_crt_set_authority_key_id(crt, ca->key_id, ca->key_id_size) < 0 ||
            gnutls_x509_crt_set_key_usage(crt, GNUTLS_KEY_DIGITAL_SIGNATURE) < 0 ||
            gnutls_x509_crt_set_basic_constraints(crt, 0, -1) < 0 ||
            gnutls_x509_crt_set_key_purpose_oid(crt, OID_PURPOSE_AIK, 0) < 0 ||
            /* Critical, because the subject is empty: RFC 5280, section 4.1.2.6. */
            gnutls_x509_crt_set_extension_by_oid(crt, OID_SAN, san.data, san.size, 1) < 0)
                return -EIO;
        return 0;
}

int certificate_authority_sign_ak(CertificateAuthority *ca, const AkCertificate *c, Bytes *ret) {
        _cleanup_(gnutls_x509_crt_deinitp) gnutls_x509_crt_t crt = NULL;
        _cleanup_bytes_ Bytes san = BYTES_NULL;
        _cleanup_datum_ gnutls_datum_t der = {};

        /* Callers see to it; a certificate that outlives its issuer must not leave here even so. */
        if (c->not_before >= c->not_after || c->not_after > ca->not_after || c->serial[0] == 0 ||
            c->serial[0] > 0x7f)
                return -EINVAL;
        int r = ak_certificate_san(c, &san);
        if (r < 0)
                return r;

        if (gnutls_x509_crt_init(&crt) < 0)
                return -ENOMEM;
        r = set_public_key(crt, &c->ak);
        if (r < 0)
                return r;
        if (gnutls_x509_crt_set_version(crt, 3) < 0 ||
            gnutls_x509_crt_set_serial(crt, c->serial, sizeof(c->serial)) < 0 ||
            gnutls_x509_crt_set_activation_time(crt, c->not_before) < 0 ||
            gnutls_x509_crt_set_expiration_time(crt, c->not_after) < 0)
                return -EIO;
        r = set_extensions(ca, crt, bytes_view(&san));
        if (r < 0)
                return r;
        if (gnutls_x509_crt_privkey_sign(crt, ca->intermediate, ca->key, GNUTLS_DIG_SHA256, 0) < 0 ||
            gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_DER, &der) < 0)
                return -EIO;
        return bytes_copy(datum_view(&der), ret);
}

static int to_pem(ByteView der, Bytes *ret) {
        _cleanup_datum_ gnutls_datum_t pem = {};
        gnutls_datum_t d = datum_of(der);

        if (gnutls_pem_base64_encode2("X509 CRL", &d, &pem) < 0)
                return -ENOMEM;
        return bytes_copy(datum_view(&pem), ret);
}

int certificate_authority_sign_crl(CertificateAuthority *ca, const CrlTerms *terms, const Revocation *list, size_t n,
                                   Bytes *ret_pem, uint8_t ret_hash[static 32]) {
        _cleanup_bytes_ Bytes der = BYTES_NULL;
        uint8_t hash[32];

        int r = crl_sign(bytes_view(&ca->intermediate_der), ca->key, terms, list, n, &der);
        if (r < 0)
                return r;
        if (gnutls_hash_fast(GNUTLS_DIG_SHA256, der.data, der.size, hash) < 0)
                return -ENOMEM;
        r = to_pem(bytes_view(&der), ret_pem);
        if (r >= 0)
                memcpy(ret_hash, hash, sizeof(hash));
        return r;
}
