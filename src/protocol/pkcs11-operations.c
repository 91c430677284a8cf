/* SPDX-License-Identifier: MIT */
#include "protocol/pkcs11-operations.h"

/* --- Beginning --- */

static const EVP_MD *evp_of(TokenHash hash) {
        switch (hash) {
        case TOKEN_HASH_SHA1:
                return EVP_sha1();
        case TOKEN_HASH_SHA224:
                return EVP_sha224();
        case TOKEN_HASH_SHA256:
                return EVP_sha256();
        case TOKEN_HASH_SHA384:
                return EVP_sha384();
        case TOKEN_HASH_SHA512:
                return EVP_sha512();
        default:
                return NULL;
        }
}

static uint32_t begin_digest(Pkcs11Active *a) {
        const EVP_MD *md = evp_of(a->plan.hash);

        if (!md)
                return CKR_OK;
        a->digest = EVP_MD_CTX_new();
        return a->digest && EVP_DigestInit_ex(a->digest, md, NULL) == 1 ? CKR_OK : CKR_HOST_MEMORY;
}

/* The private key with that handle, if it may be used. */
static uint32_t find_key(const Pkcs11Call *c, uint64_t handle, const Pkcs11Generation **ret) {
        const Pkcs11Generation *g;

        if (!pkcs11_connection_newest(c->connection))
                return CKR_DEVICE_REMOVED; /* makes a client look for the token again */
        const Pkcs11Object *o = pkcs11_token_object(c->connection->token, handle, c->now, &g);
        if (!o || o->kind != PKCS11_KIND_PRIVATE_KEY)
                return CKR_KEY_HANDLE_INVALID;
        *ret = g;
        return CKR_OK;
}

static uint32_t begin_active(const Pkcs11Call *c, const Pkcs11Mechanism *m, uint64_t handle, bool decrypt,
                             Pkcs11Active *a) {
        const Pkcs11Generation *g;
        uint32_t rv;

        rv = find_key(c, handle, &g);
        if (rv == CKR_OK)
                rv = pkcs11_plan_make(pkcs11_generation_key(g), m, decrypt, &a->plan);
        if (rv == CKR_OK)
                rv = begin_digest(a);
        if (rv != CKR_OK) {
                pkcs11_active_end(a);
                return rv;
        }
        a->key = handle;
        a->active = true;
        return CKR_OK;
}

static uint32_t init(Pkcs11Call *c, bool decrypt) {
        Pkcs11Session *s = pkcs11_session_find(c->connection, pkcs11_read_ulong(&c->in));
        Pkcs11Mechanism m = {};

        pkcs11_read_mechanism(&c->in, &m);
        uint64_t handle = pkcs11_read_ulong(&c->in);
        if (!pkcs11_reader_done(&c->in))
                return CKR_ARGUMENTS_BAD;
        if (!s)
                return CKR_SESSION_HANDLE_INVALID;
        Pkcs11Active *a = decrypt ? &s->decrypt : &s->sign;
        if (m.cancel) {
                pkcs11_active_end(a);
                return CKR_OK;
        }
        return a->active ? CKR_OPERATION_ACTIVE : begin_active(c, &m, handle, decrypt, a);
}

uint32_t pkcs11_call_sign_init(Pkcs11Call *c) {
        return init(c, false);
}

uint32_t pkcs11_call_decrypt_init(Pkcs11Call *c) {
        return init(c, true);
}

/* --- Data --- */

static uint32_t take_data(Pkcs11Active *a, const Pkcs11Data *data) {
        if (data->null)
                return data->size == 0 ? CKR_OK : CKR_ARGUMENTS_BAD;
        if (data->size > PKCS11_INPUT_MAX)
                return a->plan.decrypt ? CKR_ENCRYPTED_DATA_LEN_RANGE : CKR_DATA_LEN_RANGE;
        if (a->digest)
                return EVP_DigestUpdate(a->digest, data->data, data->size) == 1 ? CKR_OK : CKR_FUNCTION_FAILED;
        if (data->size > sizeof(a->input) - a->input_size)
                return a->plan.decrypt ? CKR_ENCRYPTED_DATA_LEN_RANGE : CKR_DATA_LEN_RANGE;
        if (data->size > 0)
                memcpy(a->input + a->input_size, data->data, data->size);
        a->input_size += data->size;
        return CKR_OK;
}

static uint32_t finish_data(Pkcs11Active *a, const PublicKey *key) {
        uint8_t digest[EVP_MAX_MD_SIZE];
        unsigned n = 0;

        if (!a->digest)
                return pkcs11_plan_data(key, VIEW(a->input, a->input_size), &a->plan);
        if (EVP_DigestFinal_ex(a->digest, digest, &n) != 1)
                return CKR_FUNCTION_FAILED;
        return pkcs11_plan_data(key, VIEW(digest, n), &a->plan);
}

/* Hands the operation out. Between its beginning and now the key may have come to its end. */
static uint32_t submit(Pkcs11Call *c, Pkcs11Active *a) {
        const Pkcs11Generation *g;
        uint32_t rv;

        rv = find_key(c, a->key, &g);
        if (rv != CKR_OK)
                return rv;
        rv = finish_data(a, pkcs11_generation_key(g));
        if (rv != CKR_OK)
                return rv;
        a->plan.operation.generation = pkcs11_generation_number(g);
        memcpy(a->plan.operation.key, pkcs11_generation_key_hash(g), sizeof(a->plan.operation.key));
        *c->operation = a->plan.operation;
        c->connection->pending = a;
        return CKR_OK;
}

/* --- Calls --- */

/* Of one call with all of the data, or of the last of several. Whoever has no room gets to know how much he
 * needs: for that nobody asks the TPM, and the operation goes on. Any failure ends it. */
static uint32_t run(Pkcs11Call *c, Pkcs11Active *a, const Pkcs11Data *data, uint32_t room) {
        uint32_t rv = CKR_OK;

        if (!a->active)
                return CKR_OPERATION_NOT_INITIALIZED;
        if (data && a->updated)
                return CKR_OPERATION_ACTIVE;
        if (room < a->plan.output_max) {
                pkcs11_write_data_size(&c->out, (uint32_t) a->plan.output_max);
                return CKR_OK;
        }
        if (data)
                rv = take_data(a, data);
        if (rv == CKR_OK)
                rv = submit(c, a);
        if (rv != CKR_OK)
                pkcs11_active_end(a);
        return rv;
}

static uint32_t run_once(Pkcs11Call *c, bool decrypt) {
        Pkcs11Session *s = pkcs11_session_find(c->connection, pkcs11_read_ulong(&c->in));
        Pkcs11Data data = pkcs11_read_data(&c->in);
        uint32_t room = pkcs11_read_room(&c->in);

        if (!pkcs11_reader_done(&c->in))
                return CKR_ARGUMENTS_BAD;
        if (!s)
                return CKR_SESSION_HANDLE_INVALID;
        return run(c, decrypt ? &s->decrypt : &s->sign, &data, room);
}

uint32_t pkcs11_call_sign(Pkcs11Call *c) {
        return run_once(c, false);
}

uint32_t pkcs11_call_decrypt(Pkcs11Call *c) {
        return run_once(c, true);
}

uint32_t pkcs11_call_sign_update(Pkcs11Call *c) {
        Pkcs11Session *s = pkcs11_session_find(c->connection, pkcs11_read_ulong(&c->in));
        Pkcs11Data data = pkcs11_read_data(&c->in);

        if (!pkcs11_reader_done(&c->in))
                return CKR_ARGUMENTS_BAD;
        if (!s)
                return CKR_SESSION_HANDLE_INVALID;
        if (!s->sign.active)
                return CKR_OPERATION_NOT_INITIALIZED;

        uint32_t rv = take_data(&s->sign, &data);
        s->sign.updated = true;
        if (rv != CKR_OK)
                pkcs11_active_end(&s->sign);
        return rv;
}

uint32_t pkcs11_call_sign_final(Pkcs11Call *c) {
        Pkcs11Session *s = pkcs11_session_find(c->connection, pkcs11_read_ulong(&c->in));
        uint32_t room = pkcs11_read_room(&c->in);

        if (!pkcs11_reader_done(&c->in))
                return CKR_ARGUMENTS_BAD;
        if (!s)
                return CKR_SESSION_HANDLE_INVALID;
        return run(c, &s->sign, NULL, room);
}

/* --- The result --- */

/* A number is as wide as the modulus, whatever the TPM thinks of its leading zeros. */
static uint32_t write_output(const Pkcs11Plan *p, const TokenResult *result, Pkcs11Writer *out) {
        uint8_t whole[TOKEN_DATA_MAX] = {};
        bool number = p->operation.kind == TOKEN_RSA_RAW;
        size_t size = number ? p->output_max : result->size;

        if (result->size > sizeof(result->data) || size > sizeof(whole) || result->size > p->output_max ||
            (!p->decrypt && !number && size != p->output_max))
                return CKR_FUNCTION_FAILED;
        memcpy(whole + size - result->size, result->data, result->size);
        pkcs11_write_data(out, VIEW(whole, size));
        explicit_bzero(whole, sizeof(whole));
        return CKR_OK;
}

uint32_t pkcs11_operation_result(Pkcs11Active *active, const TokenResult *result, Pkcs11Writer *out) {
        uint32_t rv = pkcs11_status_rv(result->status, active->plan.decrypt);

        if (rv == CKR_OK)
                rv = write_output(&active->plan, result, out);
        pkcs11_active_end(active);
        return rv;
}
