/* SPDX-License-Identifier: MIT */
#include <gnutls/crypto.h>
#include <gnutls/x509-ext.h>

#include "protocol/asn1.h"
#include "protocol/certificate-request.h"
#include "protocol/gnutls-types.h"
#include "protocol/jws.h"

#define OID_PERMANENT_IDENTIFIER "1.3.6.1.5.5.7.8.3" /* RFC 4043 */

DEFINE_TRIVIAL_CLEANUP_FUNC(gnutls_x509_crq_t, gnutls_x509_crq_deinit);
DEFINE_TRIVIAL_CLEANUP_FUNC(gnutls_subject_alt_names_t, gnutls_subject_alt_names_deinit);

static int gnutls_errno(int r) {
        return r >= 0 ? 0 : r == GNUTLS_E_MEMORY_ERROR ? -ENOMEM : -EIO;
}

/* The key as GnuTLS sees it, and what became of the caller's signature. */
typedef struct ExternalKey {
        const PublicKey *key;
        CertificateRequestSign sign;
        void *userdata;
        int error;
} ExternalKey;

static bool is_rsa(const PublicKey *k) {
        return k->type == KEY_TYPE_RSA;
}

static gnutls_digest_algorithm_t digest_of(const PublicKey *k) {
        return k->type == KEY_TYPE_P384 ? GNUTLS_DIG_SHA384 : GNUTLS_DIG_SHA256;
}

static int external_info(gnutls_privkey_t privkey, unsigned flags, void *userdata) {
        const ExternalKey *e = userdata;

        if (flags & GNUTLS_PRIVKEY_INFO_PK_ALGO)
                return is_rsa(e->key) ? GNUTLS_PK_RSA : GNUTLS_PK_ECDSA;
        if (flags & GNUTLS_PRIVKEY_INFO_PK_ALGO_BITS)
                return e->key->size * 8;
        if (flags & GNUTLS_PRIVKEY_INFO_HAVE_SIGN_ALGO) {
                gnutls_sign_algorithm_t a = GNUTLS_FLAGS_TO_SIGN_ALGO(flags);
                return is_rsa(e->key) ? a == GNUTLS_SIGN_RSA_RAW
                                      : a == gnutls_pk_to_sign(GNUTLS_PK_ECDSA, digest_of(e->key));
        }
        return -1;
}

/* An RSA key is handed the DigestInfo of RFC 8017 §9.2, from which a TPM wants the digest alone. */
static int digest_from_info(const gnutls_datum_t *info, uint8_t *digest, unsigned *size) {
        gnutls_digest_algorithm_t a;

        if (gnutls_decode_ber_digest_info(info, &a, digest, size) < 0 || a != GNUTLS_DIG_SHA256)
                return -EIO;
        return 0;
}

static int sign_with_caller(const ExternalKey *e, const gnutls_datum_t *hash, Bytes *ret) {
        _cleanup_bytes_ Bytes signature = BYTES_NULL;
        uint8_t digest[64];
        unsigned size = sizeof(digest);
        int r;

        if (is_rsa(e->key)) {
                r = digest_from_info(hash, digest, &size);
                if (r < 0)
                        return r;
                r = e->sign(DIGEST_SHA256, VIEW(digest, size), e->userdata, &signature);
        } else
                r = e->sign(e->key->type == KEY_TYPE_P384 ? DIGEST_SHA384 : DIGEST_SHA256,
                            VIEW(hash->data, hash->size), e->userdata, &signature);
        if (r < 0)
                return r;
        if (signature.size != (is_rsa(e->key) ? e->key->size : 2U * e->key->size))
                return -EBADMSG;
        if (!is_rsa(e->key))
                return ecdsa_signature_from_raw(bytes_view(&signature), ret);
        *ret = TAKE_BYTES(signature);
        return 0;
}

static int external_sign(gnutls_privkey_t privkey, gnutls_sign_algorithm_t algorithm, void *userdata,
                         unsigned flags, const gnutls_datum_t *hash, gnutls_datum_t *ret) {
        _cleanup_bytes_ Bytes signature = BYTES_NULL;
        ExternalKey *e = userdata;

        e->error = sign_with_caller(e, hash, &signature);
        if (e->error < 0)
                return GNUTLS_E_PK_SIGN_FAILED;
        ret->data = gnutls_malloc(signature.size);
        if (!ret->data) {
                e->error = -ENOMEM;
                return GNUTLS_E_MEMORY_ERROR;
        }
        memcpy(ret->data, signature.data, signature.size);
        ret->size = (unsigned) signature.size;
        return 0;
}

static int set_public_key(gnutls_x509_crq_t crq, const PublicKey *k) {
        _cleanup_(gnutls_pubkey_deinitp) gnutls_pubkey_t pubkey = NULL;
        int r;

        if (gnutls_pubkey_init(&pubkey) < 0)
                return -ENOMEM;
        if (is_rsa(k)) {
                uint8_t exponent[4];
                ByteWriter w = WRITER(exponent, sizeof(exponent));
                write_u32(&w, k->exponent);
                const gnutls_datum_t n = datum_of(VIEW(k->n, k->size)), e = datum_of(writer_view(&w));
                r = gnutls_pubkey_import_rsa_raw(pubkey, &n, &e);
        } else {
                const gnutls_datum_t x = datum_of(VIEW(k->x, k->size)), y = datum_of(VIEW(k->y, k->size));
                bool p384 = k->type == KEY_TYPE_P384;
                r = gnutls_pubkey_import_ecc_raw(
                        pubkey, p384 ? GNUTLS_ECC_CURVE_SECP384R1 : GNUTLS_ECC_CURVE_SECP256R1, &x, &y);
        }
        if (r >= 0)
                r = gnutls_x509_crq_set_pubkey(crq, pubkey);
        return gnutls_errno(r);
}

static int encode_permanent_identifier(const char *value, Bytes *ret) {
        _cleanup_asn1_ Asn1Value v = {};
        int r;

        r = asn1_value_new("PermanentIdentifier", &v);
        if (r < 0)
                return r;
        r = asn1_value_write(&v, "identifierValue", VIEW_STR(value));
        if (r < 0)
                return r;
        r = asn1_value_omit(&v, "assigner");
        if (r < 0)
                return r;
        return asn1_value_encode(&v, ret);
}

static int set_permanent_identifier(gnutls_x509_crq_t crq, const char *value) {
        _cleanup_(gnutls_subject_alt_names_deinitp) gnutls_subject_alt_names_t names = NULL;
        _cleanup_bytes_ Bytes identifier = BYTES_NULL;
        _cleanup_datum_ gnutls_datum_t extension = {};
        int r;

        r = encode_permanent_identifier(value, &identifier);
        if (r < 0)
                return r;
        const gnutls_datum_t d = datum_of(bytes_view(&identifier));
        if (gnutls_subject_alt_names_init(&names) < 0)
                return -ENOMEM;
        r = gnutls_subject_alt_names_set(names, GNUTLS_SAN_OTHERNAME, &d, OID_PERMANENT_IDENTIFIER);
        if (r >= 0)
                r = gnutls_x509_ext_export_subject_alt_names(names, &extension);
        if (r >= 0)
                r = gnutls_x509_crq_set_extension_by_oid(crq, GNUTLS_X509EXT_OID_SAN, extension.data,
                                                         extension.size, 0);
        return gnutls_errno(r);
}

static int fill_request(gnutls_x509_crq_t crq, const PublicKey *key, const char *cn,
                        bool permanent_identifier) {
        int r;

        r = gnutls_errno(gnutls_x509_crq_set_version(crq, 1)); /* v1, RFC 2986 §4.1 */
        if (r < 0)
                return r;
        if (*cn) {
                r = gnutls_errno(gnutls_x509_crq_set_dn_by_oid(crq, GNUTLS_OID_X520_COMMON_NAME, 0, cn,
                                                               (unsigned) strlen(cn)));
                if (r < 0)
                        return r;
        }
        r = set_public_key(crq, key);
        if (r < 0)
                return r;
        return permanent_identifier ? set_permanent_identifier(crq, cn) : 0;
}

static int sign_request(gnutls_x509_crq_t crq, ExternalKey *e, Bytes *ret_der) {
        _cleanup_(gnutls_privkey_deinitp) gnutls_privkey_t privkey = NULL;
        _cleanup_datum_ gnutls_datum_t der = {};
        int r;

        if (gnutls_privkey_init(&privkey) < 0)
                return -ENOMEM;
        r = gnutls_privkey_import_ext4(privkey, e, NULL, external_sign, NULL, NULL, external_info, 0);
        if (r >= 0)
                r = gnutls_x509_crq_privkey_sign(crq, privkey, digest_of(e->key), 0);
        if (e->error < 0)
                return e->error;
        if (r >= 0)
                r = gnutls_x509_crq_export2(crq, GNUTLS_X509_FMT_DER, &der);
        if (r < 0)
                return gnutls_errno(r);
        return bytes_copy(datum_view(&der), ret_der);
}

int certificate_request_build(const PublicKey *key, const char *cn, bool permanent_identifier,
                              CertificateRequestSign sign, void *userdata, Bytes *ret_der) {
        ExternalKey external = { .key = key, .sign = sign, .userdata = userdata };
        _cleanup_(gnutls_x509_crq_deinitp) gnutls_x509_crq_t crq = NULL;
        const char *name = cn ? cn : "";
        int r;

        if (strlen(name) > CERTIFICATE_REQUEST_CN_MAX || (permanent_identifier && !*name))
                return -EINVAL;
        if (gnutls_x509_crq_init(&crq) < 0)
                return -ENOMEM;
        r = fill_request(crq, key, name, permanent_identifier);
        if (r < 0)
                return r;
        return sign_request(crq, &external, ret_der);
}
