/* SPDX-License-Identifier: MIT */
#include <openssl/core_names.h>
#include <openssl/ec.h>

#include "protocol/evp-key.h"
#include "protocol/make-credential.h"
#include "protocol/tpm-kdf.h"

#define AES_BLOCK_SIZE 16U
#define POINT_SIZE_MAX (1 + 2 * PUBLIC_KEY_EC_SIZE_MAX)

DEFINE_TRIVIAL_CLEANUP_FUNC(EVP_CIPHER *, EVP_CIPHER_free);
DEFINE_TRIVIAL_CLEANUP_FUNC(EVP_CIPHER_CTX *, EVP_CIPHER_CTX_free);

/* Hash and AES key of the EK templates. */
typedef struct Profile {
        const char *hash;
        size_t hash_size;
        const char *cipher;
        size_t cipher_key_size;
} Profile;

static const Profile profile_sha256 = { "SHA256", 32, "AES-128-CFB", 16 };
static const Profile profile_sha384 = { "SHA384", 48, "AES-256-CFB", 32 };

static const Profile *ek_profile(const PublicKey *ek) {
        switch (ek->type) {
        case KEY_TYPE_RSA:
                return ek->size == 2048 / 8 ? &profile_sha256 : &profile_sha384;
        case KEY_TYPE_P256:
                return &profile_sha256;
        case KEY_TYPE_P384:
                return &profile_sha384;
        default:
                return NULL;
        }
}

/* CFB over whole blocks, the initialization vector is zero. ret has room for v.size bytes. */
static int encrypt(const Profile *p, const TpmKey *key, ByteView v, uint8_t *ret) {
        _cleanup_(EVP_CIPHER_CTX_freep) EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
        _cleanup_(EVP_CIPHER_freep) EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, p->cipher, NULL);
        static const uint8_t iv[AES_BLOCK_SIZE];
        int n = 0;

        if (!ctx || !cipher || EVP_EncryptInit_ex2(ctx, cipher, key->data, iv, NULL) != 1 ||
            EVP_EncryptUpdate(ctx, ret, &n, v.data, (int) v.size) != 1 || (size_t) n != v.size)
                return -EIO;
        return 0;
}

static int integrity(const Profile *p, const TpmKey *key, ByteView identity, ByteView name, TpmKey *ret) {
        uint8_t message[2 + CREDENTIAL_SECRET_SIZE + CREDENTIAL_NAME_MAX];
        ByteWriter w = WRITER(message, sizeof(message));

        write_view(&w, identity);
        write_view(&w, name);
        if (w.failed)
                return -EINVAL;
        if (!EVP_Q_mac(NULL, "HMAC", NULL, p->hash, NULL, key->data, key->size, message, w.size, ret->data,
                       sizeof(ret->data), &ret->size))
                return -EIO;
        return 0;
}

/* Part 1, 24.4: TPM2B_ID_OBJECT. */
static int seal(const Profile *p, const TpmKey *seed, ByteView name, const uint8_t *secret, Credential *c) {
        _cleanup_tpm_key_ TpmKey cipher_key = {}, mac_key = {};
        uint8_t plain[2 + CREDENTIAL_SECRET_SIZE], identity[sizeof(plain)];
        ByteWriter w = WRITER(plain, sizeof(plain));
        TpmKey mac = {};
        int r;

        write_u16(&w, CREDENTIAL_SECRET_SIZE);
        write_bytes(&w, secret, CREDENTIAL_SECRET_SIZE);
        r = tpm_kdfa(p->hash, tpm_key_view(seed), "STORAGE", name, p->cipher_key_size, &cipher_key);
        if (r >= 0)
                r = encrypt(p, &cipher_key, writer_view(&w), identity);
        explicit_bzero(plain, sizeof(plain));
        if (r < 0)
                return r;

        r = tpm_kdfa(p->hash, tpm_key_view(seed), "INTEGRITY", VIEW_NULL, p->hash_size, &mac_key);
        if (r < 0)
                return r;
        r = integrity(p, &mac_key, VIEW_ARRAY(identity), name, &mac);
        if (r < 0)
                return r;

        w = WRITER(c->id_object, sizeof(c->id_object));
        write_u16(&w, (uint16_t) (2 + mac.size + sizeof(identity)));
        write_u16(&w, (uint16_t) mac.size);
        write_bytes(&w, mac.data, mac.size);
        write_bytes(&w, identity, sizeof(identity));
        c->id_object_size = (uint16_t) w.size;
        return w.failed ? -EINVAL : 0;
}

/* Part 1, B.10.4: RSAES-OAEP, the label with its NUL. */
static int share_rsa(const Profile *p, EVP_PKEY *ek, const TpmKey *seed, Credential *c) {
        _cleanup_(EVP_PKEY_CTX_freep) EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, ek, NULL);
        size_t n = sizeof(c->encrypted_secret) - 2;
        char padding[] = OSSL_PKEY_RSA_PAD_MODE_OAEP, label[] = "IDENTITY";
        OSSL_PARAM params[] = {
                OSSL_PARAM_construct_utf8_string(OSSL_ASYM_CIPHER_PARAM_PAD_MODE, padding, 0),
                OSSL_PARAM_construct_utf8_string(OSSL_ASYM_CIPHER_PARAM_OAEP_DIGEST, (char *) p->hash, 0),
                OSSL_PARAM_construct_utf8_string(OSSL_ASYM_CIPHER_PARAM_MGF1_DIGEST, (char *) p->hash, 0),
                OSSL_PARAM_construct_octet_string(OSSL_ASYM_CIPHER_PARAM_OAEP_LABEL, label, sizeof(label)),
                OSSL_PARAM_construct_end(),
        };

        if (!ctx || EVP_PKEY_encrypt_init_ex(ctx, params) != 1 ||
            EVP_PKEY_encrypt(ctx, c->encrypted_secret + 2, &n, seed->data, seed->size) != 1)
                return -EIO;

        ByteWriter w = WRITER(c->encrypted_secret, 2);
        write_u16(&w, (uint16_t) n);
        c->encrypted_secret_size = (uint16_t) (2 + n);
        return 0;
}

static int exchange_z(EVP_PKEY *own, EVP_PKEY *peer, TpmKey *ret) {
        _cleanup_(EVP_PKEY_CTX_freep) EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, own, NULL);

        ret->size = sizeof(ret->data);
        if (!ctx || EVP_PKEY_derive_init(ctx) != 1 || EVP_PKEY_derive_set_peer_ex(ctx, peer, 0) != 1 ||
            EVP_PKEY_derive(ctx, ret->data, &ret->size) != 1)
                return -EIO;
        return 0;
}

/* Part 1, C.6.4: the seed comes out of an exchange between an ephemeral key and the EK. */
static int share_ec(const Profile *p, const PublicKey *ek, EVP_PKEY *ek_key, TpmKey *ret_seed, Credential *c) {
        _cleanup_(EVP_PKEY_freep) EVP_PKEY *ephemeral = EVP_EC_gen(ek->type == KEY_TYPE_P256 ? "P-256" : "P-384");
        _cleanup_tpm_key_ TpmKey z = {};
        uint8_t point[POINT_SIZE_MAX];
        size_t n = 0, size = ek->size;

        if (!ephemeral ||
            EVP_PKEY_get_octet_string_param(ephemeral, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point), &n) != 1 ||
            n != 1 + 2 * size)
                return -EIO;
        int r = exchange_z(ephemeral, ek_key, &z);
        if (r < 0)
                return r;

        TpmExchange exchange = {
                .z = tpm_key_view(&z),
                .party_u = VIEW(point + 1, size),
                .party_v = VIEW(ek->x, size),
        };
        r = tpm_kdfe(p->hash, &exchange, "IDENTITY", p->hash_size, ret_seed);
        if (r < 0)
                return r;

        ByteWriter w = WRITER(c->encrypted_secret, sizeof(c->encrypted_secret));
        write_u16(&w, (uint16_t) (2 * (2 + size)));
        write_u16(&w, (uint16_t) size);
        write_bytes(&w, point + 1, size);
        write_u16(&w, (uint16_t) size);
        write_bytes(&w, point + 1 + size, size);
        c->encrypted_secret_size = (uint16_t) w.size;
        return w.failed ? -EINVAL : 0;
}

int make_credential(const PublicKey *ek, ByteView name, const uint8_t secret[static CREDENTIAL_SECRET_SIZE],
                    ByteView seed, Credential *ret) {
        _cleanup_(EVP_PKEY_freep) EVP_PKEY *key = NULL;
        _cleanup_tpm_key_ TpmKey s = {};
        const Profile *p = ek_profile(ek);
        Credential c = {};
        int r;

        if (!p)
                return -ENOTSUP;
        if (name.size == 0 || name.size > CREDENTIAL_NAME_MAX || seed.size < p->hash_size)
                return -EINVAL;
        r = evp_key_from_public(ek, &key);
        if (r < 0)
                return r;

        if (ek->type == KEY_TYPE_RSA) {
                memcpy(s.data, seed.data, p->hash_size);
                s.size = p->hash_size;
                r = share_rsa(p, key, &s, &c);
        } else
                r = share_ec(p, ek, key, &s, &c);
        if (r >= 0)
                r = seal(p, &s, name, secret, &c);
        if (r < 0)
                return r;
        *ret = c;
        return 0;
}
