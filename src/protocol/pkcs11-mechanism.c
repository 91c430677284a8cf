/* SPDX-License-Identifier: MIT */
#include "protocol/pkcs11-mechanism.h"

#include <assert.h>

#include "protocol/pkcs11-constants.h"

#define PKCS1_PADDING_MIN 11U /* 00 01 (or 02), eight bytes, 00: RFC 8017, sections 7.2.1 and 9.2 */
#define PSS_PADDING_MIN 2U    /* 01 before the salt, bc at the end: RFC 8017, section 9.1.1 */
#define OAEP_PADDING_MIN 2U   /* RFC 8017, section 7.1.1 */
#define ECDSA_DATA_MAX 64U    /* the longest digest; it is longer than the order of any curve here */

#define RSA_FLAGS(f) (CKF_HW | (f))
#define EC_FLAGS (CKF_HW | CKF_SIGN | CKF_EC_F_P | CKF_EC_NAMEDCURVE | CKF_EC_UNCOMPRESS)

static const Pkcs11MechanismInfo rsa_mechanisms[] = {
        { CKM_RSA_PKCS, RSA_FLAGS(CKF_SIGN | CKF_DECRYPT), TOKEN_SIGN_RSA_PKCS1, TOKEN_DECRYPT_RSA_PKCS1,
          TOKEN_HASH_NONE },
        { CKM_RSA_PKCS_PSS, RSA_FLAGS(CKF_SIGN), TOKEN_SIGN_RSA_PSS, 0, TOKEN_HASH_NONE },
        { CKM_RSA_PKCS_OAEP, RSA_FLAGS(CKF_DECRYPT), 0, TOKEN_DECRYPT_RSA_OAEP, TOKEN_HASH_NONE },
        { CKM_RSA_X_509, RSA_FLAGS(CKF_SIGN | CKF_DECRYPT), TOKEN_RSA_RAW, TOKEN_RSA_RAW, TOKEN_HASH_NONE },
        { CKM_SHA1_RSA_PKCS, RSA_FLAGS(CKF_SIGN), TOKEN_SIGN_RSA_PKCS1, 0, TOKEN_HASH_SHA1 },
        { CKM_SHA224_RSA_PKCS, RSA_FLAGS(CKF_SIGN), TOKEN_SIGN_RSA_PKCS1, 0, TOKEN_HASH_SHA224 },
        { CKM_SHA256_RSA_PKCS, RSA_FLAGS(CKF_SIGN), TOKEN_SIGN_RSA_PKCS1, 0, TOKEN_HASH_SHA256 },
        { CKM_SHA384_RSA_PKCS, RSA_FLAGS(CKF_SIGN), TOKEN_SIGN_RSA_PKCS1, 0, TOKEN_HASH_SHA384 },
        { CKM_SHA512_RSA_PKCS, RSA_FLAGS(CKF_SIGN), TOKEN_SIGN_RSA_PKCS1, 0, TOKEN_HASH_SHA512 },
        { CKM_SHA1_RSA_PKCS_PSS, RSA_FLAGS(CKF_SIGN), TOKEN_SIGN_RSA_PSS, 0, TOKEN_HASH_SHA1 },
        { CKM_SHA224_RSA_PKCS_PSS, RSA_FLAGS(CKF_SIGN), TOKEN_SIGN_RSA_PSS, 0, TOKEN_HASH_SHA224 },
        { CKM_SHA256_RSA_PKCS_PSS, RSA_FLAGS(CKF_SIGN), TOKEN_SIGN_RSA_PSS, 0, TOKEN_HASH_SHA256 },
        { CKM_SHA384_RSA_PKCS_PSS, RSA_FLAGS(CKF_SIGN), TOKEN_SIGN_RSA_PSS, 0, TOKEN_HASH_SHA384 },
        { CKM_SHA512_RSA_PKCS_PSS, RSA_FLAGS(CKF_SIGN), TOKEN_SIGN_RSA_PSS, 0, TOKEN_HASH_SHA512 },
};

static const Pkcs11MechanismInfo ec_mechanisms[] = {
        { CKM_ECDSA, EC_FLAGS, TOKEN_SIGN_ECDSA, 0, TOKEN_HASH_NONE },
        { CKM_ECDSA_SHA1, EC_FLAGS, TOKEN_SIGN_ECDSA, 0, TOKEN_HASH_SHA1 },
        { CKM_ECDSA_SHA224, EC_FLAGS, TOKEN_SIGN_ECDSA, 0, TOKEN_HASH_SHA224 },
        { CKM_ECDSA_SHA256, EC_FLAGS, TOKEN_SIGN_ECDSA, 0, TOKEN_HASH_SHA256 },
        { CKM_ECDSA_SHA384, EC_FLAGS, TOKEN_SIGN_ECDSA, 0, TOKEN_HASH_SHA384 },
        { CKM_ECDSA_SHA512, EC_FLAGS, TOKEN_SIGN_ECDSA, 0, TOKEN_HASH_SHA512 },
};

static_assert(ELEMENTSOF(rsa_mechanisms) <= PKCS11_MECHANISMS_MAX && ELEMENTSOF(ec_mechanisms) <= PKCS11_MECHANISMS_MAX,
              "more mechanisms than PKCS11_MECHANISMS_MAX");

static const Pkcs11MechanismInfo *table_of(KeyType type, size_t *ret_n) {
        switch (type) {
        case KEY_TYPE_RSA:
                *ret_n = ELEMENTSOF(rsa_mechanisms);
                return rsa_mechanisms;
        case KEY_TYPE_P256:
        case KEY_TYPE_P384:
                *ret_n = ELEMENTSOF(ec_mechanisms);
                return ec_mechanisms;
        default:
                *ret_n = 0;
                return NULL;
        }
}

size_t pkcs11_mechanisms_of(KeyType type, uint32_t ret[static PKCS11_MECHANISMS_MAX]) {
        size_t n;
        const Pkcs11MechanismInfo *table = table_of(type, &n);

        for (size_t i = 0; i < n; i++)
                ret[i] = table[i].type;
        return n;
}

const Pkcs11MechanismInfo *pkcs11_mechanism_info(KeyType type, uint32_t mechanism) {
        size_t n;
        const Pkcs11MechanismInfo *table = table_of(type, &n);

        for (size_t i = 0; i < n; i++)
                if (table[i].type == mechanism)
                        return &table[i];
        return NULL;
}

void pkcs11_mechanism_bits(KeyType type, uint32_t *ret_min, uint32_t *ret_max) {
        *ret_min = type == KEY_TYPE_RSA ? 2048 : 256;
        *ret_max = type == KEY_TYPE_RSA ? 4096 : 384;
}

/* --- Parameters --- */

static TokenHash hash_of(uint64_t mechanism) {
        switch (mechanism) {
        case CKM_SHA_1:
                return TOKEN_HASH_SHA1;
        case CKM_SHA224:
                return TOKEN_HASH_SHA224;
        case CKM_SHA256:
                return TOKEN_HASH_SHA256;
        case CKM_SHA384:
                return TOKEN_HASH_SHA384;
        case CKM_SHA512:
                return TOKEN_HASH_SHA512;
        default:
                return TOKEN_HASH_NONE;
        }
}

static TokenHash hash_of_mgf(uint64_t mgf) {
        switch (mgf) {
        case CKG_MGF1_SHA1:
                return TOKEN_HASH_SHA1;
        case CKG_MGF1_SHA224:
                return TOKEN_HASH_SHA224;
        case CKG_MGF1_SHA256:
                return TOKEN_HASH_SHA256;
        case CKG_MGF1_SHA384:
                return TOKEN_HASH_SHA384;
        case CKG_MGF1_SHA512:
                return TOKEN_HASH_SHA512;
        default:
                return TOKEN_HASH_NONE;
        }
}

static uint32_t plan_pss(const PublicKey *key, const Pkcs11Mechanism *m, Pkcs11Plan *p) {
        TokenOperation *o = &p->operation;
        size_t room = key->size - PSS_PADDING_MIN;

        o->hash = hash_of(m->hash);
        o->mgf = hash_of_mgf(m->mgf);
        if (o->hash == TOKEN_HASH_NONE || o->mgf == TOKEN_HASH_NONE ||
            (p->hash != TOKEN_HASH_NONE && p->hash != o->hash))
                return CKR_MECHANISM_PARAM_INVALID;
        if (token_hash_size(o->hash) > room || m->salt > room - token_hash_size(o->hash))
                return CKR_MECHANISM_PARAM_INVALID;
        o->salt_size = (uint16_t) m->salt;
        return CKR_OK;
}

static uint32_t plan_oaep(const PublicKey *key, const Pkcs11Mechanism *m, Pkcs11Plan *p) {
        TokenOperation *o = &p->operation;

        o->hash = hash_of(m->hash);
        o->mgf = hash_of_mgf(m->mgf);
        if (o->hash == TOKEN_HASH_NONE || o->mgf == TOKEN_HASH_NONE || m->label.size > TOKEN_LABEL_MAX)
                return CKR_MECHANISM_PARAM_INVALID;
        /* Where there is no label some clients leave its source at 0. */
        if (m->source != CKZ_DATA_SPECIFIED && !(m->source == 0 && m->label.size == 0))
                return CKR_MECHANISM_PARAM_INVALID;

        size_t padding = 2 * token_hash_size(o->hash) + OAEP_PADDING_MIN;
        if (padding > key->size)
                return CKR_MECHANISM_PARAM_INVALID;
        p->output_max = key->size - padding;
        o->label_size = (uint16_t) m->label.size;
        if (m->label.size > 0)
                memcpy(o->label, m->label.data, m->label.size);
        return CKR_OK;
}

static uint32_t plan_parameter(const PublicKey *key, const Pkcs11Mechanism *m, Pkcs11Plan *p) {
        bool wanted = p->operation.kind == TOKEN_SIGN_RSA_PSS || p->operation.kind == TOKEN_DECRYPT_RSA_OAEP;

        if (m->parameter != wanted)
                return CKR_MECHANISM_PARAM_INVALID;
        switch (p->operation.kind) {
        case TOKEN_SIGN_RSA_PSS:
                return plan_pss(key, m, p);
        case TOKEN_DECRYPT_RSA_OAEP:
                return plan_oaep(key, m, p);
        case TOKEN_DECRYPT_RSA_PKCS1:
                p->output_max = key->size - PKCS1_PADDING_MIN;
                return CKR_OK;
        default:
                return CKR_OK;
        }
}

uint32_t pkcs11_plan_make(const PublicKey *key, const Pkcs11Mechanism *m, bool decrypt, Pkcs11Plan *ret) {
        KeyType other = key->type == KEY_TYPE_RSA ? KEY_TYPE_P256 : KEY_TYPE_RSA;
        const Pkcs11MechanismInfo *info = pkcs11_mechanism_info(key->type, m->type);
        Pkcs11Plan p = { .decrypt = decrypt };

        if (!info)
                return pkcs11_mechanism_info(other, m->type) ? CKR_KEY_TYPE_INCONSISTENT : CKR_MECHANISM_INVALID;
        p.operation.kind = decrypt ? info->decrypt : info->sign;
        if (p.operation.kind == 0)
                return CKR_MECHANISM_INVALID;
        p.hash = info->hash;
        p.output_max = key->type == KEY_TYPE_RSA ? key->size : 2 * (size_t) key->size;

        uint32_t rv = plan_parameter(key, m, &p);
        if (rv == CKR_OK)
                *ret = p;
        return rv;
}

/* --- Data --- */

/* DigestInfo without the digest (RFC 8017, section 9.2, note 1). */
static ByteView digest_info_prefix(TokenHash hash) {
        static const uint8_t sha1[] = { 0x30, 0x21, 0x30, 0x09, 0x06, 0x05, 0x2b, 0x0e, 0x03, 0x02, 0x1a, 0x05, 0x00,
                                        0x04, 0x14 };
        static const uint8_t sha224[] = { 0x30, 0x2d, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04,
                                          0x02, 0x04, 0x05, 0x00, 0x04, 0x1c };
        static const uint8_t sha256[] = { 0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04,
                                          0x02, 0x01, 0x05, 0x00, 0x04, 0x20 };
        static const uint8_t sha384[] = { 0x30, 0x41, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04,
                                          0x02, 0x02, 0x05, 0x00, 0x04, 0x30 };
        static const uint8_t sha512[] = { 0x30, 0x51, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04,
                                          0x02, 0x03, 0x05, 0x00, 0x04, 0x40 };

        switch (hash) {
        case TOKEN_HASH_SHA1:
                return VIEW_ARRAY(sha1);
        case TOKEN_HASH_SHA224:
                return VIEW_ARRAY(sha224);
        case TOKEN_HASH_SHA256:
                return VIEW_ARRAY(sha256);
        case TOKEN_HASH_SHA384:
                return VIEW_ARRAY(sha384);
        case TOKEN_HASH_SHA512:
                return VIEW_ARRAY(sha512);
        default:
                return VIEW_NULL;
        }
}

static bool data_size_good(const PublicKey *key, const Pkcs11Plan *p, size_t n) {
        switch (p->operation.kind) {
        case TOKEN_SIGN_RSA_PKCS1:
                return n <= key->size - PKCS1_PADDING_MIN;
        case TOKEN_SIGN_RSA_PSS:
                return n == token_hash_size(p->operation.hash);
        case TOKEN_RSA_RAW:
                return n > 0 && n <= key->size;
        case TOKEN_DECRYPT_RSA_PKCS1:
        case TOKEN_DECRYPT_RSA_OAEP:
                return n == key->size;
        case TOKEN_SIGN_ECDSA:
                return n > 0 && n <= ECDSA_DATA_MAX;
        default:
                return false;
        }
}

uint32_t pkcs11_plan_data(const PublicKey *key, ByteView data, Pkcs11Plan *p) {
        TokenOperation *o = &p->operation;
        ByteView prefix = VIEW_NULL;
        ByteWriter w = WRITER(o->data, sizeof(o->data));

        if (o->kind == TOKEN_SIGN_RSA_PKCS1 && p->hash != TOKEN_HASH_NONE)
                prefix = digest_info_prefix(p->hash);
        if (!data_size_good(key, p, prefix.size + data.size))
                return p->decrypt ? CKR_ENCRYPTED_DATA_LEN_RANGE : CKR_DATA_LEN_RANGE;
        write_view(&w, prefix);
        write_view(&w, data);
        if (w.failed)
                return CKR_DATA_LEN_RANGE;
        o->data_size = (uint16_t) w.size;
        return CKR_OK;
}

/* Clients differ in what they make of an error, but they agree on two things: CKR_DEVICE_REMOVED and
 * CKR_TOKEN_NOT_PRESENT make them drop the token, some of them (NSS) until something else tells them that it is
 * back. A TPM that is missing today may be back tomorrow while the certificate stays, so those are not for it.
 * And CKR_KEY_HANDLE_INVALID makes GnuTLS and OpenSSL's engine look for the key anew, which is what helps when a
 * generation is gone.
 *
 *      status      rv                            what it tells the client
 *      bad-length  (ENCRYPTED_)DATA_LEN_RANGE    its data is to blame
 *      bad-data    (ENCRYPTED_)DATA_INVALID      the same
 *      key-gone    KEY_HANDLE_INVALID            look for the key again
 *      no-tpm      DEVICE_ERROR                  not now, and not soon
 *      lockout     DEVICE_ERROR                  the same
 *      timeout     FUNCTION_FAILED               this time; another attempt may succeed
 *      busy        FUNCTION_FAILED               the same
 *      failed      FUNCTION_FAILED               the same */
uint32_t pkcs11_status_rv(TokenStatus status, bool decrypt) {
        switch (status) {
        case TOKEN_OK:
                return CKR_OK;
        case TOKEN_BAD_LENGTH:
                return decrypt ? CKR_ENCRYPTED_DATA_LEN_RANGE : CKR_DATA_LEN_RANGE;
        case TOKEN_BAD_DATA:
                return decrypt ? CKR_ENCRYPTED_DATA_INVALID : CKR_DATA_INVALID;
        case TOKEN_KEY_GONE:
                return CKR_KEY_HANDLE_INVALID;
        case TOKEN_NO_TPM:
        case TOKEN_LOCKOUT:
                return CKR_DEVICE_ERROR;
        default:
                return CKR_FUNCTION_FAILED;
        }
}
