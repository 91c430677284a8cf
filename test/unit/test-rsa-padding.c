/* SPDX-License-Identifier: MIT */
/* Our padding around a raw operation of libcrypto's, judged by libcrypto's own padding. */
#include "protocol/rsa-padding.h"

#include <openssl/rsa.h>

#include "software-tpm.h"
#include "test.h"

typedef struct TestKey {
        EVP_PKEY *evp;
        PublicKey public;
} TestKey;

static TestKey keys[2];

static const char *const hash_names[] = { NULL, "SHA1", "SHA224", "SHA256", "SHA384", "SHA512" };

static void check_padding(EVP_PKEY_CTX *ctx, int padding) {
        check(EVP_PKEY_CTX_set_rsa_padding(ctx, padding) == 1);
}

/* The TPM's part. */
static void raw(const TestKey *key, uint8_t block[static TOKEN_DATA_MAX]) {
        EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key->evp, NULL);
        uint8_t out[TOKEN_DATA_MAX];
        size_t n = sizeof(out);

        check(ctx && EVP_PKEY_decrypt_init(ctx) == 1);
        check_padding(ctx, RSA_NO_PADDING);
        check_int(EVP_PKEY_decrypt(ctx, out, &n, block, key->public.size), 1);
        check_int(n, key->public.size);
        memcpy(block, out, n);
        EVP_PKEY_CTX_free(ctx);
}

static TokenResult run(const TestKey *key, const TokenOperation *o) {
        uint8_t block[TOKEN_DATA_MAX] = {};
        TokenResult r = { .size = 9 };

        r.status = rsa_padding_block(o, &key->public, block);
        if (r.status == TOKEN_OK) {
                raw(key, block);
                rsa_padding_answer(o, VIEW(block, key->public.size), &r);
        } else
                r.size = 0;
        return r;
}

static TokenOperation operation(TokenOperationKind kind, size_t data_size) {
        TokenOperation o = { .generation = 1, .kind = kind, .data_size = (uint16_t) data_size };

        for (size_t i = 0; i < data_size; i++)
                o.data[i] = (uint8_t) (i + 1);
        return o;
}

/* --- Signatures --- */

static void test_pkcs1(const TestKey *key) {
        uint8_t back[TOKEN_DATA_MAX];
        const size_t max = key->public.size - 11U, sizes[] = { 0, 1, 51, max };

        for (size_t i = 0; i < ELEMENTSOF(sizes); i++) {
                TokenOperation o = operation(TOKEN_SIGN_RSA_PKCS1, sizes[i]);
                TokenResult r = run(key, &o);
                size_t n = sizeof(back);

                check_int(r.status, TOKEN_OK);
                check_int(r.size, key->public.size);
                EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key->evp, NULL);
                check(ctx && EVP_PKEY_verify_recover_init(ctx) == 1);
                check_padding(ctx, RSA_PKCS1_PADDING);
                check_int(EVP_PKEY_verify_recover(ctx, back, &n, r.data, r.size), 1);
                check(view_equal(VIEW(back, n), VIEW(o.data, o.data_size)));
                EVP_PKEY_CTX_free(ctx);
        }
        TokenOperation o = operation(TOKEN_SIGN_RSA_PKCS1, max + 1);
        check_int(run(key, &o).status, TOKEN_BAD_LENGTH);
}

/* With a DigestInfo it is RSASSA-PKCS1-v1_5. */
static void test_digest_info(const TestKey *key) {
        _cleanup_bytes_ Bytes prefix = test_unhex("3031300d060960864801650304020105000420");
        TokenOperation o = { .kind = TOKEN_SIGN_RSA_PKCS1, .data_size = 51 };

        memcpy(o.data, prefix.data, 19);
        memset(o.data + 19, 0x77, 32);
        TokenResult r = run(key, &o);
        EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key->evp, NULL);
        check(ctx && EVP_PKEY_verify_init(ctx) == 1);
        check_padding(ctx, RSA_PKCS1_PADDING);
        check_int(EVP_PKEY_CTX_set_signature_md(ctx, EVP_sha256()), 1);
        check_int(EVP_PKEY_verify(ctx, r.data, r.size, o.data + 19, 32), 1);
        EVP_PKEY_CTX_free(ctx);
}

static TokenOperation pss(TokenHash hash, TokenHash mgf, size_t salt) {
        TokenOperation o = operation(TOKEN_SIGN_RSA_PSS, token_hash_size(hash));

        o.hash = hash;
        o.mgf = mgf;
        o.salt_size = (uint16_t) salt;
        return o;
}

static void verify_pss(const TestKey *key, const TokenOperation *o, const TokenResult *r) {
        EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key->evp, NULL);

        check_int(r->status, TOKEN_OK);
        check_int(r->size, key->public.size);
        check(ctx && EVP_PKEY_verify_init(ctx) == 1);
        check_padding(ctx, RSA_PKCS1_PSS_PADDING);
        check_int(EVP_PKEY_CTX_set_signature_md(ctx, EVP_get_digestbyname(hash_names[o->hash])), 1);
        check_int(EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, EVP_get_digestbyname(hash_names[o->mgf])), 1);
        check_int(EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, o->salt_size), 1);
        check_int(EVP_PKEY_verify(ctx, r->data, r->size, o->data, o->data_size), 1);
        EVP_PKEY_CTX_free(ctx);
}

static void test_pss(const TestKey *key) {
        for (int hash = TOKEN_HASH_SHA1; hash < _TOKEN_HASH_MAX; hash++) {
                size_t size = token_hash_size((TokenHash) hash), most = key->public.size - size - 2;
                const size_t salts[] = { 0, 20, size, most };

                for (size_t i = 0; i < ELEMENTSOF(salts); i++) {
                        TokenOperation o = pss((TokenHash) hash, (TokenHash) hash, salts[i]);
                        TokenResult r = run(key, &o), again = run(key, &o);
                        verify_pss(key, &o, &r);
                        /* The salt is drawn anew. */
                        check(view_equal(VIEW(r.data, r.size), VIEW(again.data, again.size)) == (salts[i] == 0));
                }
                TokenOperation o = pss((TokenHash) hash, (TokenHash) hash, most + 1);
                check_int(run(key, &o).status, TOKEN_BAD_LENGTH);
                o = pss((TokenHash) hash, TOKEN_HASH_SHA1, size); /* a mask of another hash */
                TokenResult r = run(key, &o);
                verify_pss(key, &o, &r);
        }
}

/* --- Numbers --- */

static void test_raw(const TestKey *key) {
        const uint16_t size = key->public.size;
        TokenOperation o = operation(TOKEN_RSA_RAW, size);
        uint8_t expected[TOKEN_DATA_MAX] = {};

        memcpy(expected, o.data, size); /* begins with 01: below any modulus */
        raw(key, expected);
        TokenResult r = run(key, &o);
        check(view_equal(VIEW(r.data, r.size), VIEW(expected, size)));

        /* Short ones are numbers, too. */
        o = (TokenOperation) { .kind = TOKEN_RSA_RAW, .data_size = 1, .data = { 1 } };
        r = run(key, &o);
        check_int(r.size, size);
        check_int(r.data[size - 1], 1);
        for (size_t i = 0; i + 1 < size; i++)
                check_int(r.data[i], 0);

        /* The modulus and what is above it; one below is fine. */
        o = (TokenOperation) { .kind = TOKEN_RSA_RAW, .data_size = size };
        memcpy(o.data, key->public.n, size);
        check_int(run(key, &o).status, TOKEN_BAD_DATA);
        o.data[size - 1]--; /* it is odd */
        check_int(run(key, &o).status, TOKEN_OK);
        memset(o.data, 0xff, size);
        check_int(run(key, &o).status, TOKEN_BAD_DATA);
        if (size < TOKEN_DATA_MAX) {
                o = operation(TOKEN_RSA_RAW, size + 1U);
                check_int(run(key, &o).status, TOKEN_BAD_LENGTH);
        }
}

/* --- Decryption --- */

static void encrypt(const TestKey *key, ByteView text, TokenOperation *o) {
        EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key->evp, NULL);
        size_t n = sizeof(o->data);

        check(ctx && EVP_PKEY_encrypt_init(ctx) == 1);
        if (o->kind == TOKEN_DECRYPT_RSA_OAEP) {
                check_padding(ctx, RSA_PKCS1_OAEP_PADDING);
                check_int(EVP_PKEY_CTX_set_rsa_oaep_md(ctx, EVP_get_digestbyname(hash_names[o->hash])), 1);
                check_int(EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, EVP_get_digestbyname(hash_names[o->mgf])), 1);
                if (o->label_size > 0) {
                        void *label = OPENSSL_memdup(o->label, o->label_size);
                        check(label && EVP_PKEY_CTX_set0_rsa_oaep_label(ctx, label, o->label_size) == 1);
                }
        } else
                check_padding(ctx, RSA_PKCS1_PADDING);
        check_int(EVP_PKEY_encrypt(ctx, o->data, &n, text.data, text.size), 1);
        o->data_size = (uint16_t) n;
        EVP_PKEY_CTX_free(ctx);
}

static void test_decrypt(const TestKey *key, TokenOperation o, size_t max) {
        uint8_t text[TOKEN_DATA_MAX];
        const size_t sizes[] = { 0, 1, 48, max };

        memset(text, 0x3c, sizeof(text));
        for (size_t i = 0; i < ELEMENTSOF(sizes); i++) {
                encrypt(key, VIEW(text, sizes[i]), &o);
                TokenResult r = run(key, &o);
                check_int(r.status, TOKEN_OK);
                check(view_equal(VIEW(r.data, r.size), VIEW(text, sizes[i])));
                for (size_t k = r.size; k < sizeof(r.data); k++)
                        check_int(r.data[k], 0);
        }

        /* Not what was encrypted, too short, and a number that cannot be. */
        TokenOperation bent = o;
        bent.data[key->public.size - 1] ^= 1;
        TokenResult r = run(key, &bent);
        check_int(r.status, TOKEN_BAD_DATA);
        check_int(r.size, 0);
        bent = o;
        bent.data_size--;
        check_int(run(key, &bent).status, TOKEN_BAD_LENGTH);
        memset(bent.data, 0xff, key->public.size);
        bent.data_size = key->public.size;
        check_int(run(key, &bent).status, TOKEN_BAD_DATA);
}

static void test_oaep(const TestKey *key) {
        for (int hash = TOKEN_HASH_SHA1; hash < _TOKEN_HASH_MAX; hash++) {
                TokenOperation o = { .kind = TOKEN_DECRYPT_RSA_OAEP, .hash = (TokenHash) hash,
                                     .mgf = (TokenHash) hash };
                size_t max = key->public.size - 2 * token_hash_size(o.hash) - 2;

                test_decrypt(key, o, max);
                o.mgf = TOKEN_HASH_SHA1;
                o.label_size = TOKEN_LABEL_MAX;
                memset(o.label, 'l', sizeof(o.label));
                test_decrypt(key, o, max);

                /* Another label, hash or mask. */
                encrypt(key, VIEW_STR("text"), &o);
                o.label[3] = 'L';
                check_int(run(key, &o).status, TOKEN_BAD_DATA);
                o.label[3] = 'l';
                check_int(run(key, &o).status, TOKEN_OK);
                o.mgf = TOKEN_HASH_SHA512;
                check_int(run(key, &o).status, TOKEN_BAD_DATA);
                o.mgf = TOKEN_HASH_SHA1;
                o.hash = hash == TOKEN_HASH_SHA384 ? TOKEN_HASH_SHA256 : TOKEN_HASH_SHA384;
                check_int(run(key, &o).status, TOKEN_BAD_DATA);
        }
}

static void test_other_keys(void) {
        PublicKey ec;
        EVP_PKEY *key = software_key(KEY_TYPE_P256, 0, &ec);
        uint8_t block[TOKEN_DATA_MAX] = { 0x77 };
        TokenOperation o = operation(TOKEN_SIGN_RSA_PKCS1, 32);

        check_int(rsa_padding_block(&o, &ec, block), TOKEN_FAILED);
        o = operation(TOKEN_SIGN_ECDSA, 32);
        check_int(rsa_padding_block(&o, &keys[0].public, block), TOKEN_FAILED);
        check_int(block[0], 0x77);
        EVP_PKEY_free(key);
}

int main(void) {
        const unsigned bits[] = { 2048, 3072 };

        for (size_t i = 0; i < ELEMENTSOF(keys); i++) {
                keys[i].evp = software_key(KEY_TYPE_RSA, bits[i], &keys[i].public);
                test_pkcs1(&keys[i]);
                test_digest_info(&keys[i]);
                test_pss(&keys[i]);
                test_raw(&keys[i]);
                test_decrypt(&keys[i], (TokenOperation) { .kind = TOKEN_DECRYPT_RSA_PKCS1 }, keys[i].public.size - 11U);
                test_oaep(&keys[i]);
        }
        test_other_keys();
        for (size_t i = 0; i < ELEMENTSOF(keys); i++)
                EVP_PKEY_free(keys[i].evp);
        return EXIT_SUCCESS;
}
