/* SPDX-License-Identifier: MIT */
#include "no-memory.h"
#include "protocol/make-credential.h"
#include "protocol/tpm-kdf.h"
#include "software-tpm.h"

static uint8_t name[34], secret[CREDENTIAL_SECRET_SIZE], seed[48];

static void fill(void) {
        name[1] = TPM2_ALG_SHA256;
        for (size_t i = 0; i < 32; i++) {
                name[2 + i] = (uint8_t) i;
                secret[i] = (uint8_t) (0x40 + i);
        }
        for (size_t i = 0; i < sizeof(seed); i++)
                seed[i] = (uint8_t) (0xa0 + i % 16);
}

/* With the seed given, the TPM2B_ID_OBJECT for an RSA EK is known. */
static void test_known(void) {
        static const struct {
                unsigned bits;
                const char *id_object;
        } rows[] = {
                { 2048, "0044 0020 6db06a8c1eb8eeee068101a215f3565050c2b111e7286b88abfb095d58f3806f"
                  "2f340d639f6915df65d60de3d64f692367b420b6861c62db7776ccf39a2552c917d2" },
                { 3072, "0054 0030 c17c8d4edda1122776526a9b8dbce8333f24f7197d6ebe2a20c666ff77185464"
                  "9104e237b8496288441d51b71ac875b1"
                  "a07a2491acc6948ab8cc7a32e5a9acb76c6e62bf8443bfbafba3e0accdfe1e814c9c" },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                PublicKey ek;
                _cleanup_(EVP_PKEY_freep) EVP_PKEY *key = software_key(KEY_TYPE_RSA, rows[i].bits, &ek);
                Credential c;

                check_int(make_credential(&ek, VIEW_ARRAY(name), secret, VIEW_ARRAY(seed), &c), 0);
                check_hex(VIEW(c.id_object, c.id_object_size), rows[i].id_object);
        }
}

static void unwrap_rsa(EVP_PKEY *key, const char *hash, ByteView sealed, TpmKey *ret) {
        _cleanup_(EVP_PKEY_CTX_freep) EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
        uint8_t plain[PUBLIC_KEY_RSA_SIZE_MAX];
        size_t n = sizeof(plain);

        check(ctx && EVP_PKEY_decrypt_init(ctx) == 1);
        check(EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING) == 1);
        check(EVP_PKEY_CTX_set_rsa_oaep_md_name(ctx, hash, NULL) == 1);
        check(EVP_PKEY_CTX_set_rsa_mgf1_md_name(ctx, hash, NULL) == 1);
        check(EVP_PKEY_CTX_set0_rsa_oaep_label(ctx, OPENSSL_memdup("IDENTITY", 9), 9) == 1);
        check_int(EVP_PKEY_decrypt(ctx, plain, &n, sealed.data, sealed.size), 1);
        check(n <= sizeof(ret->data));
        ret->size = n;
        memcpy(ret->data, plain, n);
}

static void unwrap_ec(EVP_PKEY *key, const PublicKey *ek, const char *hash, ByteView sealed, TpmKey *ret) {
        ByteReader r = READER(sealed);
        PublicKey ephemeral = { .type = ek->type, .size = ek->size };
        TpmKey z = { .size = sizeof(z.data) };

        check_int(read_u16(&r), ek->size);
        read_into(&r, ephemeral.x, ek->size);
        check_int(read_u16(&r), ek->size);
        read_into(&r, ephemeral.y, ek->size);
        check(reader_done(&r));

        _cleanup_(EVP_PKEY_freep) EVP_PKEY *peer = NULL;
        check_int(evp_key_from_public(&ephemeral, &peer), 0);
        _cleanup_(EVP_PKEY_CTX_freep) EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
        check(ctx && EVP_PKEY_derive_init(ctx) == 1 && EVP_PKEY_derive_set_peer(ctx, peer) == 1);
        check(EVP_PKEY_derive(ctx, z.data, &z.size) == 1);
        TpmExchange e = { tpm_key_view(&z), VIEW(ephemeral.x, ek->size), VIEW(ek->x, ek->size) };
        check_int(tpm_kdfe(hash, &e, "IDENTITY", ek->type == KEY_TYPE_P256 ? 32 : 48, ret), 0);
}

/* TPM2_ActivateCredential: what comes after the seed. */
static bool activate(const TpmKey *s, bool sha384, ByteView object_name, const Credential *c, uint8_t ret[static 32]) {
        const char *hash = sha384 ? "SHA384" : "SHA256";
        size_t hash_size = sha384 ? 48 : 32, n = 0;
        ByteReader r = READER(VIEW(c->id_object, c->id_object_size));
        uint8_t message[256], hmac[64], plain[34];
        ByteWriter w = WRITER(message, sizeof(message));
        TpmKey mac_key, cipher_key;

        check_int(read_u16(&r), c->id_object_size - 2);
        check_int(read_u16(&r), hash_size);
        ByteView mac = read_view(&r, hash_size), identity = read_view(&r, 34);
        check(reader_done(&r));

        check_int(tpm_kdfa(hash, tpm_key_view(s), "INTEGRITY", VIEW_NULL, hash_size, &mac_key), 0);
        write_view(&w, identity);
        write_view(&w, object_name);
        check(EVP_Q_mac(NULL, "HMAC", NULL, hash, NULL, mac_key.data, mac_key.size, message, w.size, hmac,
                        sizeof(hmac), &n));
        if (!view_equal(mac, VIEW(hmac, n)))
                return false;

        check_int(tpm_kdfa(hash, tpm_key_view(s), "STORAGE", object_name, sha384 ? 32 : 16, &cipher_key), 0);
        EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
        const uint8_t iv[16] = {};
        int size = 0;
        check(ctx && EVP_DecryptInit_ex(ctx, sha384 ? EVP_aes_256_cfb128() : EVP_aes_128_cfb128(), NULL,
                                        cipher_key.data, iv) == 1);
        check(EVP_DecryptUpdate(ctx, plain, &size, identity.data, (int) identity.size) == 1);
        EVP_CIPHER_CTX_free(ctx);
        check_hex(VIEW(plain, 2), "0020");
        memcpy(ret, plain + 2, 32);
        return true;
}

static const struct {
        KeyType type;
        unsigned bits;
        bool sha384;
        uint16_t id_object_size, encrypted_secret_size;
} eks[] = {
        { KEY_TYPE_RSA, 2048, false, 70, 2 + 256 },
        { KEY_TYPE_RSA, 3072, true, 86, 2 + 384 },
        { KEY_TYPE_RSA, 4096, true, 86, 2 + 512 },
        { KEY_TYPE_P256, 0, false, 70, 2 + 2 + 32 + 2 + 32 },
        { KEY_TYPE_P384, 0, true, 86, 2 + 2 + 48 + 2 + 48 },
};

static void unwrap(EVP_PKEY *key, const PublicKey *ek, bool sha384, const Credential *c, TpmKey *ret) {
        ByteView sealed = VIEW(c->encrypted_secret + 2, c->encrypted_secret_size - 2);
        const char *hash = sha384 ? "SHA384" : "SHA256";

        if (ek->type == KEY_TYPE_RSA)
                unwrap_rsa(key, hash, sealed, ret);
        else
                unwrap_ec(key, ek, hash, sealed, ret);
        check_int(ret->size, sha384 ? 48 : 32);
}

static void test_F11_U18_round_trip_with_each_ek(void) {
        for (size_t i = 0; i < ELEMENTSOF(eks); i++) {
                PublicKey ek;
                _cleanup_(EVP_PKEY_freep) EVP_PKEY *key = software_key(eks[i].type, eks[i].bits, &ek);
                Credential c, again;
                uint8_t out[32];
                TpmKey s;

                check_int(make_credential(&ek, VIEW_ARRAY(name), secret, VIEW_ARRAY(seed), &c), 0);
                check_int(c.id_object_size, eks[i].id_object_size);
                check_int(c.encrypted_secret_size, eks[i].encrypted_secret_size);
                check_int(c.encrypted_secret[0] << 8 | c.encrypted_secret[1], c.encrypted_secret_size - 2);

                unwrap(key, &ek, eks[i].sha384, &c, &s);
                check(activate(&s, eks[i].sha384, VIEW_ARRAY(name), &c, out));
                check(memcmp(out, secret, sizeof(out)) == 0);

                /* for this object only */
                name[33] ^= 1;
                check(!activate(&s, eks[i].sha384, VIEW_ARRAY(name), &c, out));
                name[33] ^= 1;

                /* and never twice the same */
                check_int(make_credential(&ek, VIEW_ARRAY(name), secret, VIEW_ARRAY(seed), &again), 0);
                check(memcmp(c.encrypted_secret, again.encrypted_secret, c.encrypted_secret_size) != 0);
        }
}

/* There is none, or one for this TPM: never a secret under a key that was not made. */
static void test_no_memory(void) {
        for (size_t i = 0; i < ELEMENTSOF(eks); i++) {
                if (eks[i].bits > 2048) /* allocates as that one does, and takes long */
                        continue;
                PublicKey ek;
                _cleanup_(EVP_PKEY_freep) EVP_PKEY *key = software_key(eks[i].type, eks[i].bits, &ek);
                bool failed = true;

                for (uint64_t n = 1; failed; n++) {
                        Credential c = { .id_object_size = 77 };
                        uint8_t out[32];
                        TpmKey s;

                        no_memory_begin(NO_MEMORY_ONCE, false, n);
                        int r = make_credential(&ek, VIEW_ARRAY(name), secret, VIEW_ARRAY(seed), &c);
                        failed = no_memory_end() >= n;
                        check(failed || r >= 0);
                        if (r < 0) {
                                check(c.id_object_size == 77 && c.encrypted_secret_size == 0);
                                continue;
                        }
                        unwrap(key, &ek, eks[i].sha384, &c, &s);
                        check(activate(&s, eks[i].sha384, VIEW_ARRAY(name), &c, out));
                        check(memcmp(out, secret, sizeof(out)) == 0);
                }
        }
}

static void test_refused(void) {
        uint8_t long_name[CREDENTIAL_NAME_MAX + 1] = {};
        PublicKey p256, rsa, bad;
        _cleanup_(EVP_PKEY_freep) EVP_PKEY *a = software_key(KEY_TYPE_P256, 0, &p256);
        _cleanup_(EVP_PKEY_freep) EVP_PKEY *b = software_key(KEY_TYPE_RSA, 2048, &rsa);
        ByteView n = VIEW_ARRAY(name), s = VIEW_ARRAY(seed);
        Credential c = { .id_object_size = 77 };

        bad = (PublicKey) {};
        check_int(make_credential(&bad, n, secret, s, &c), -ENOTSUP);
        bad = p256;
        bad.y[31] ^= 1;
        check_int(make_credential(&bad, n, secret, s, &c), -EINVAL);
        bad = rsa;
        bad.size = 1024 / 8;
        check_int(make_credential(&bad, n, secret, s, &c), -EINVAL);
        bad = rsa;
        bad.exponent = 3;
        check_int(make_credential(&bad, n, secret, s, &c), -EINVAL);
        check_int(make_credential(&rsa, n, secret, VIEW(seed, 31), &c), -EINVAL);
        check_int(make_credential(&rsa, VIEW_NULL, secret, s, &c), -EINVAL);
        check_int(make_credential(&rsa, VIEW_ARRAY(long_name), secret, s, &c), -EINVAL);
        check_int(c.id_object_size, 77);
        check_int(make_credential(&rsa, VIEW(long_name, CREDENTIAL_NAME_MAX), secret, s, &c), 0);
}

int main(void) {
        fill();
        test_known();
        test_F11_U18_round_trip_with_each_ek();
        test_no_memory();
        test_refused();
        return EXIT_SUCCESS;
}
