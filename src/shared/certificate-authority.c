/* SPDX-License-Identifier: MIT */
#include "shared/certificate-authority.h"

#include <dirent.h>
#include <fcntl.h>

#include <openssl/err.h>
#include <openssl/x509.h>

#include "protocol/certificate.h"
#include "shared/certificate-authority-files.h"
#include "shared/certificate-issuer.h"
#include "shared/files.h"

#define KEY_ID_SIZE 20U

#define OID_PURPOSE_AIK "2.23.133.8.3" /* tcg-kp-AIKCertificate */
#define OID_SAN "2.5.29.17"

struct CertificateAuthority {
        Issuer current;
        Issuer retired[CA_RETIRED_MAX];
        unsigned n_retired;
        Bytes root_der;
        Bytes root_pem;
        char fingerprint[2 * 32 + 1];
        int64_t not_after, root_not_after;
};

CertificateAuthority *certificate_authority_free(CertificateAuthority *ca) {
        if (!ca)
                return NULL;
        issuer_done(&ca->current);
        for (unsigned i = 0; i < ca->n_retired; i++)
                issuer_done(&ca->retired[i]);
        bytes_done(&ca->root_der);
        bytes_done(&ca->root_pem);
        free(ca);
        return NULL;
}

ByteView certificate_authority_intermediate(const CertificateAuthority *ca) {
        return bytes_view(&ca->current.der);
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

int64_t certificate_authority_root_not_after(const CertificateAuthority *ca) {
        return ca->root_not_after;
}

int64_t certificate_authority_not_after(const CertificateAuthority *ca) {
        return ca->not_after;
}

static int load_root(CertificateAuthority *ca, int dir_fd) {
        _cleanup_(gnutls_x509_crt_deinitp) gnutls_x509_crt_t root = NULL;
        _cleanup_datum_ gnutls_datum_t pem = {};
        uint8_t hash[32];
        size_t n = sizeof(hash);

        int r = issuer_read_certificate(dir_fd, "root.pem", &root, &ca->root_der);
        if (r < 0)
                return r;
        if (gnutls_x509_crt_get_fingerprint(root, GNUTLS_DIG_SHA256, hash, &n) < 0 ||
            gnutls_x509_crt_export2(root, GNUTLS_X509_FMT_PEM, &pem) < 0)
                return -EBADMSG;
        hex_encode(VIEW(hash, n), ca->fingerprint);
        ca->root_not_after = gnutls_x509_crt_get_expiration_time(root);
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

/* A rotation that was cut off between its two renames: the key is the new one's already. */
static int finish_rotation(int dir_fd) {
        if (faccessat(dir_fd, CA_NEXT_CERTIFICATE, F_OK, 0) < 0)
                return 0;
        if (faccessat(dir_fd, CA_NEXT_KEY, F_OK, 0) >= 0) /* it had not begun */
                return 0;
        return renameat(dir_fd, CA_NEXT_CERTIFICATE, dir_fd, CA_CERTIFICATE) < 0 || fsync(dir_fd) < 0 ? -errno : 0;
}

/* "retired-SERIAL.pem" has "retired-SERIAL.key" beside it. One that cannot be used is left alone: it only signs lists. */
static void load_retired(CertificateAuthority *ca, int dir_fd, const char *secret, const char *name) {
        char key[sizeof(((struct dirent *) NULL)->d_name) + 1];
        size_t n = strlen(name);

        if (ca->n_retired == CA_RETIRED_MAX || strncmp(name, CA_RETIRED, strlen(CA_RETIRED)) != 0 || n < 4 ||
            strcmp(name + n - 4, ".pem") != 0)
                return;
        memcpy(key, name, n - 4);
        strcpy(key + n - 4, ".key");
        Issuer *i = &ca->retired[ca->n_retired];
        if (issuer_load(dir_fd, name, key, secret, i) < 0)
                return;
        /* A rotation that was cut off before it counted has copied the one of now. */
        if (view_equal(bytes_view(&i->der), bytes_view(&ca->current.der)))
                issuer_done(i);
        else
                ca->n_retired++;
}

static int load_all_retired(CertificateAuthority *ca, int dir_fd, const char *secret) {
        int fd = dir_open_at(dir_fd, ".");
        if (fd < 0)
                return fd;
        DIR *d = fdopendir(fd);
        if (!d) {
                (void) close(fd);
                return -ENOMEM;
        }
        for (struct dirent *e; (e = readdir(d));)
                load_retired(ca, dir_fd, secret, e->d_name);
        (void) closedir(d);
        return 0;
}

int certificate_authority_load(const char *dir, const char *secret, CertificateAuthority **ret) {
        _cleanup_(certificate_authority_freep) CertificateAuthority *ca = NULL;
        _cleanup_close_ int fd = dir_open(dir);
        if (fd < 0)
                return fd;
        ca = calloc(1, sizeof(CertificateAuthority));
        if (!ca)
                return -ENOMEM;

        int r = finish_rotation(fd);
        if (r >= 0)
                r = load_root(ca, fd);
        if (r >= 0)
                r = issuer_load(fd, CA_CERTIFICATE, CA_KEY, secret, &ca->current);
        if (r >= 0)
                r = check_chain(bytes_view(&ca->root_der), bytes_view(&ca->current.der), &ca->not_after);
        if (r >= 0)
                r = load_all_retired(ca, fd, secret);
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
        if (gnutls_x509_crt_set_authority_key_id(crt, ca->current.key_id, ca->current.key_id_size) < 0 ||
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
        if (gnutls_x509_crt_privkey_sign(crt, ca->current.crt, ca->current.key, GNUTLS_DIG_SHA256, 0) < 0 ||
            gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_DER, &der) < 0)
                return -EIO;
        return bytes_copy(datum_view(&der), ret);
}

/* --- Revocation lists --- */

static int add_pem(ByteView der, FILE *to) {
        _cleanup_datum_ gnutls_datum_t pem = {};
        gnutls_datum_t d = datum_of(der);

        if (gnutls_pem_base64_encode2("X509 CRL", &d, &pem) < 0)
                return -ENOMEM;
        return fwrite(pem.data, 1, pem.size, to) == pem.size ? 0 : -ENOMEM;
}

/* What says nothing of its issuer is on the list of the current one. */
static bool is_of(const Revocation *v, const Issuer *i, bool current) {
        static const uint8_t unknown[ISSUER_ID_SIZE];
        size_t n = MIN_OF(i->key_id_size, (size_t) ISSUER_ID_SIZE);

        return memcmp(v->issuer, i->key_id, n) == 0 || (current && memcmp(v->issuer, unknown, sizeof(unknown)) == 0);
}

static int sign_list(const Issuer *i, bool current, const CrlTerms *terms, const Revocation *list, size_t n,
                     Bytes *ret) {
        _cleanup_free_ Revocation *own = calloc(n + 1, sizeof(*own));
        size_t n_own = 0;

        if (!own)
                return -ENOMEM;
        for (size_t k = 0; k < n; k++)
                if (is_of(list + k, i, current))
                        own[n_own++] = list[k];
        return crl_sign(bytes_view(&i->der), i->key, terms, own, n_own, ret);
}

static int sign_lists(CertificateAuthority *ca, const CrlTerms *terms, const Revocation *list, size_t n, FILE *to,
                      gnutls_hash_hd_t hash) {
        for (unsigned k = 0; k <= ca->n_retired; k++) {
                const Issuer *i = k == 0 ? &ca->current : &ca->retired[k - 1];
                _cleanup_bytes_ Bytes der = BYTES_NULL;

                if (k > 0 && i->not_after < terms->this_update)
                        continue;
                int r = sign_list(i, k == 0, terms, list, n, &der);
                if (r >= 0)
                        r = add_pem(bytes_view(&der), to);
                if (r < 0)
                        return r;
                (void) gnutls_hash(hash, der.data, der.size);
        }
        return 0;
}

int certificate_authority_sign_crl(CertificateAuthority *ca, const CrlTerms *terms, const Revocation *list, size_t n,
                                   Bytes *ret_pem, uint8_t ret_hash[static 32]) {
        _cleanup_free_ char *text = NULL;
        gnutls_hash_hd_t hash;
        uint8_t digest[32];
        size_t size;

        if (gnutls_hash_init(&hash, GNUTLS_DIG_SHA256) < 0)
                return -ENOMEM;
        FILE *f = open_memstream(&text, &size);
        int r = f ? sign_lists(ca, terms, list, n, f, hash) : -ENOMEM;
        gnutls_hash_deinit(hash, digest);
        if (f && fclose(f) != 0)
                r = -ENOMEM;
        if (r >= 0)
                r = bytes_copy(VIEW(text, size), ret_pem);
        if (r >= 0)
                memcpy(ret_hash, digest, sizeof(digest));
        return r;
}
