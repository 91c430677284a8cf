/* SPDX-License-Identifier: MIT */
#include "protocol/token-operation.h"

/* Both messages begin with a number of their own, its last byte the version: agent and signer are of one build. */
#define OPERATION_MAGIC 0x61747101U /* "atq", 1 */
#define RESULT_MAGIC 0x61746101U    /* "ata", 1 */

#define ECDSA_DIGEST_MAX 64U        /* bytes: SHA-512 */

static const char *const statuses[_TOKEN_STATUS_MAX] = {
        [TOKEN_OK] = "ok",
        [TOKEN_BAD_LENGTH] = "bad-length",
        [TOKEN_BAD_DATA] = "bad-data",
        [TOKEN_KEY_GONE] = "key-gone",
        [TOKEN_NO_TPM] = "no-tpm",
        [TOKEN_LOCKOUT] = "lockout",
        [TOKEN_TIMEOUT] = "timeout",
        [TOKEN_BUSY] = "busy",
        [TOKEN_FAILED] = "failed",
};

void token_operation_erase(TokenOperation *o) {
        explicit_bzero(o, sizeof(*o));
}

void token_result_erase(TokenResult *r) {
        explicit_bzero(r, sizeof(*r));
}

const char *token_status_to_string(TokenStatus s) {
        return s < _TOKEN_STATUS_MAX ? statuses[s] : statuses[TOKEN_FAILED];
}

size_t token_hash_size(TokenHash h) {
        static const size_t sizes[_TOKEN_HASH_MAX] = {
                [TOKEN_HASH_SHA1] = 20,
                [TOKEN_HASH_SHA224] = 28,
                [TOKEN_HASH_SHA256] = 32,
                [TOKEN_HASH_SHA384] = 48,
                [TOKEN_HASH_SHA512] = 64,
        };

        return h < _TOKEN_HASH_MAX ? sizes[h] : 0;
}

/* In time that does not depend on the bytes: they may be beside a secret. */
static bool all_zero(const uint8_t *p, size_t n) {
        uint8_t any = 0;

        for (size_t i = 0; i < n; i++)
                any |= p[i];
        return any == 0;
}

/* --- Operation: magic, generation, key, kind, hash, mgf, 0, salt, sizes of label and data, label, data --- */

typedef struct KindRule {
        bool hashes, salt, label;
        uint16_t data_min, data_max;
} KindRule;

/* How wide the key is, the signer sees: see TOKEN_BAD_LENGTH. */
static const KindRule rules[_TOKEN_OPERATION_MAX] = {
        [TOKEN_SIGN_RSA_PKCS1] = { .data_max = TOKEN_DATA_MAX },
        [TOKEN_SIGN_RSA_PSS] = { .hashes = true, .salt = true, .data_max = TOKEN_DATA_MAX },
        [TOKEN_RSA_RAW] = { .data_min = 1, .data_max = TOKEN_DATA_MAX },
        [TOKEN_DECRYPT_RSA_PKCS1] = { .data_min = 1, .data_max = TOKEN_DATA_MAX },
        [TOKEN_DECRYPT_RSA_OAEP] = { .hashes = true, .label = true, .data_min = 1, .data_max = TOKEN_DATA_MAX },
        [TOKEN_SIGN_ECDSA] = { .data_min = 1, .data_max = ECDSA_DIGEST_MAX },
};

static bool hashes_valid(const TokenOperation *o, bool wanted) {
        if (!wanted)
                return o->hash == TOKEN_HASH_NONE && o->mgf == TOKEN_HASH_NONE;
        return token_hash_size(o->hash) > 0 && token_hash_size(o->mgf) > 0;
}

static bool operation_valid(const TokenOperation *o) {
        if (o->kind < TOKEN_SIGN_RSA_PKCS1 || o->kind >= _TOKEN_OPERATION_MAX)
                return false;

        const KindRule *rule = &rules[o->kind];
        return hashes_valid(o, rule->hashes) &&
               o->salt_size <= (rule->salt ? TOKEN_DATA_MAX : 0) &&
               o->label_size <= (rule->label ? TOKEN_LABEL_MAX : 0) &&
               o->data_size >= rule->data_min && o->data_size <= rule->data_max &&
               (o->kind != TOKEN_SIGN_RSA_PSS || o->data_size == token_hash_size(o->hash)) &&
               all_zero(o->label + o->label_size, sizeof(o->label) - o->label_size) &&
               all_zero(o->data + o->data_size, sizeof(o->data) - o->data_size);
}

int token_operation_encode(const TokenOperation *o, uint8_t ret[static TOKEN_OPERATION_ENCODED_SIZE]) {
        if (!operation_valid(o))
                return -EINVAL;

        ByteWriter w = WRITER(ret, TOKEN_OPERATION_ENCODED_SIZE);
        write_u32(&w, OPERATION_MAGIC);
        write_u64(&w, o->generation);
        write_bytes(&w, o->key, sizeof(o->key));
        write_u8(&w, (uint8_t) o->kind);
        write_u8(&w, (uint8_t) o->hash);
        write_u8(&w, (uint8_t) o->mgf);
        write_u8(&w, 0);
        write_u16(&w, o->salt_size);
        write_u16(&w, o->label_size);
        write_u16(&w, o->data_size);
        write_bytes(&w, o->label, sizeof(o->label));
        write_bytes(&w, o->data, sizeof(o->data));
        return 0;
}

int token_operation_decode(ByteView packet, TokenOperation *ret) {
        _cleanup_(token_operation_erase) TokenOperation o = {};
        ByteReader r = READER(packet);

        uint32_t magic = read_u32(&r);
        o.generation = read_u64(&r);
        read_into(&r, o.key, sizeof(o.key));
        o.kind = (TokenOperationKind) read_u8(&r);
        o.hash = (TokenHash) read_u8(&r);
        o.mgf = (TokenHash) read_u8(&r);
        uint8_t reserved = read_u8(&r);
        o.salt_size = read_u16(&r);
        o.label_size = read_u16(&r);
        o.data_size = read_u16(&r);
        read_into(&r, o.label, sizeof(o.label));
        read_into(&r, o.data, sizeof(o.data));
        if (!reader_done(&r) || magic != OPERATION_MAGIC || reserved != 0 || !operation_valid(&o))
                return -EBADMSG;
        *ret = o;
        return 0;
}

/* --- Result: magic, status, size, data --- */

static bool result_valid(const TokenResult *r) {
        return r->status < _TOKEN_STATUS_MAX && r->size <= (r->status == TOKEN_OK ? TOKEN_DATA_MAX : 0) &&
               all_zero(r->data + r->size, sizeof(r->data) - r->size);
}

int token_result_encode(const TokenResult *r, uint8_t ret[static TOKEN_RESULT_ENCODED_SIZE]) {
        if (!result_valid(r))
                return -EINVAL;

        ByteWriter w = WRITER(ret, TOKEN_RESULT_ENCODED_SIZE);
        write_u32(&w, RESULT_MAGIC);
        write_u16(&w, (uint16_t) r->status);
        write_u16(&w, r->size);
        write_bytes(&w, r->data, sizeof(r->data));
        return 0;
}

int token_result_decode(ByteView packet, TokenResult *ret) {
        _cleanup_(token_result_erase) TokenResult result = {};
        ByteReader r = READER(packet);

        uint32_t magic = read_u32(&r);
        result.status = (TokenStatus) read_u16(&r);
        result.size = read_u16(&r);
        read_into(&r, result.data, sizeof(result.data));
        if (!reader_done(&r) || magic != RESULT_MAGIC || !result_valid(&result))
                return -EBADMSG;
        *ret = result;
        return 0;
}
