/* SPDX-License-Identifier: MIT */
#include "shared/crl.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "protocol/gnutls-types.h"

DEFINE_TRIVIAL_CLEANUP_FUNC(X509_CRL *, X509_CRL_free);
DEFINE_TRIVIAL_CLEANUP_FUNC(X509 *, X509_free);
DEFINE_TRIVIAL_CLEANUP_FUNC(EVP_PKEY *, EVP_PKEY_free);
DEFINE_TRIVIAL_CLEANUP_FUNC(X509_REVOKED *, X509_REVOKED_free);
DEFINE_TRIVIAL_CLEANUP_FUNC(ASN1_INTEGER *, ASN1_INTEGER_free);
DEFINE_TRIVIAL_CLEANUP_FUNC(ASN1_TIME *, ASN1_TIME_free);
DEFINE_TRIVIAL_CLEANUP_FUNC(ASN1_ENUMERATED *, ASN1_ENUMERATED_free);
DEFINE_TRIVIAL_CLEANUP_FUNC(AUTHORITY_KEYID *, AUTHORITY_KEYID_free);
DEFINE_TRIVIAL_CLEANUP_FUNC(BIGNUM *, BN_free);

/* The key as libcrypto wants it, for one signature. */
static EVP_PKEY *convert_key(gnutls_privkey_t key) {
        _cleanup_(gnutls_x509_privkey_deinitp) gnutls_x509_privkey_t k = NULL;
        _cleanup_datum_erase_ gnutls_datum_t der = {};

        if (gnutls_privkey_export_x509(key, &k) < 0 ||
            gnutls_x509_privkey_export2_pkcs8(k, GNUTLS_X509_FMT_DER, NULL, GNUTLS_PKCS_PLAIN, &der) < 0)
                return NULL;
        const unsigned char *p = der.data;
        return d2i_AutoPrivateKey(NULL, &p, (long) der.size);
}

static int add_entry(X509_CRL *crl, const Revocation *v) {
        _cleanup_(X509_REVOKED_freep) X509_REVOKED *entry = X509_REVOKED_new();
        _cleanup_(ASN1_TIME_freep) ASN1_TIME *time = ASN1_TIME_set(NULL, v->revoked);
        _cleanup_(ASN1_ENUMERATED_freep) ASN1_ENUMERATED *reason = ASN1_ENUMERATED_new();
        _cleanup_(BN_freep) BIGNUM *number = BN_bin2bn(v->serial, sizeof(v->serial), NULL);
        _cleanup_(ASN1_INTEGER_freep) ASN1_INTEGER *serial = number ? BN_to_ASN1_INTEGER(number, NULL) : NULL;

        if (!entry || !time || !reason || !serial || X509_REVOKED_set_serialNumber(entry, serial) != 1 ||
            X509_REVOKED_set_revocationDate(entry, time) != 1)
                return -ENOMEM;
        /* Unspecified is what no extension says: RFC 5280, section 5.3.1. */
        if (v->reason != REVOKED_UNSPECIFIED &&
            (ASN1_ENUMERATED_set(reason, (long) v->reason) != 1 ||
             X509_REVOKED_add1_ext_i2d(entry, NID_crl_reason, reason, 0, 0) != 1))
                return -ENOMEM;
        if (X509_CRL_add0_revoked(crl, entry) != 1)
                return -ENOMEM;
        entry = NULL;
        return 0;
}

static int add_extensions(X509_CRL *crl, X509 *issuer, uint64_t number) {
        _cleanup_(AUTHORITY_KEYID_freep) AUTHORITY_KEYID *authority = AUTHORITY_KEYID_new();
        _cleanup_(ASN1_INTEGER_freep) ASN1_INTEGER *n = ASN1_INTEGER_new();
        const ASN1_OCTET_STRING *id = X509_get0_subject_key_id(issuer);

        if (!id)
                return -EINVAL;
        if (!authority || !n || ASN1_INTEGER_set_uint64(n, number) != 1)
                return -ENOMEM;
        authority->keyid = ASN1_OCTET_STRING_dup(id);
        if (!authority->keyid || X509_CRL_add1_ext_i2d(crl, NID_authority_key_identifier, authority, 0, 0) != 1 ||
            X509_CRL_add1_ext_i2d(crl, NID_crl_number, n, 0, 0) != 1)
                return -ENOMEM;
        return 0;
}

static int fill_in(X509_CRL *crl, X509 *issuer, const CrlTerms *terms) {
        _cleanup_(ASN1_TIME_freep) ASN1_TIME *this_update = ASN1_TIME_set(NULL, terms->this_update);
        _cleanup_(ASN1_TIME_freep) ASN1_TIME *next_update = ASN1_TIME_set(NULL, terms->next_update);

        if (!this_update || !next_update || X509_CRL_set_version(crl, X509_CRL_VERSION_2) != 1 ||
            X509_CRL_set_issuer_name(crl, X509_get_subject_name(issuer)) != 1 ||
            X509_CRL_set1_lastUpdate(crl, this_update) != 1 || X509_CRL_set1_nextUpdate(crl, next_update) != 1)
                return -ENOMEM;
        return add_extensions(crl, issuer, terms->number);
}

static int encode(X509_CRL *crl, Bytes *ret) {
        unsigned char *der = NULL;

        int n = i2d_X509_CRL(crl, &der);
        if (n <= 0)
                return -EIO;
        int r = bytes_copy(VIEW(der, n), ret);
        OPENSSL_free(der);
        return r;
}

int crl_sign(ByteView issuer_der, gnutls_privkey_t key, const CrlTerms *terms, const Revocation *list, size_t n,
             Bytes *ret) {
        const unsigned char *p = issuer_der.data;
        _cleanup_(X509_freep) X509 *issuer = d2i_X509(NULL, &p, (long) issuer_der.size);
        _cleanup_(EVP_PKEY_freep) EVP_PKEY *k = convert_key(key);
        _cleanup_(X509_CRL_freep) X509_CRL *crl = X509_CRL_new();
        int r;

        ERR_clear_error();
        if (!issuer || !k)
                return -EINVAL;
        if (!crl)
                return -ENOMEM;
        r = fill_in(crl, issuer, terms);
        for (size_t i = 0; i < n && r >= 0; i++)
                r = add_entry(crl, list + i);
        if (r < 0)
                return r;
        if (X509_CRL_sort(crl) != 1 || X509_CRL_sign(crl, k, EVP_sha256()) <= 0)
                return -EIO;
        return encode(crl, ret);
}
