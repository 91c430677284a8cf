/* SPDX-License-Identifier: MIT */
#include "protocol/token-operation.h"
#include "test.h"

/* Where the fields are. */
enum {
        GENERATION = 4,
        KEY = GENERATION + 8,
        KIND = KEY + 32,
        HASH,
        MGF,
        RESERVED,
        SALT,
        LABEL_SIZE = SALT + 2,
        DATA_SIZE = LABEL_SIZE + 2,
        LABEL = DATA_SIZE + 2,
        DATA = LABEL + TOKEN_LABEL_MAX,
};

static TokenOperation sample(TokenOperationKind kind) {
        TokenOperation o = { .generation = 0x0102030405060708, .kind = kind };

        memset(o.key, 0xa7, sizeof(o.key));
        switch (kind) {
        case TOKEN_SIGN_RSA_PSS:
                o.hash = TOKEN_HASH_SHA256;
                o.mgf = TOKEN_HASH_SHA384;
                o.salt_size = 300;
                o.data_size = 32;
                break;
        case TOKEN_DECRYPT_RSA_OAEP:
                o.hash = TOKEN_HASH_SHA512;
                o.mgf = TOKEN_HASH_SHA1;
                o.label_size = 5;
                memcpy(o.label, "label", 5);
                o.data_size = 256;
                break;
        case TOKEN_SIGN_ECDSA:
                o.data_size = 20;
                break;
        default:
                o.data_size = 51;
        }
        memset(o.data, 0x5c, o.data_size);
        return o;
}

/* Both ways, and no shorter or longer packet. */
static void through(const TokenOperation *o) {
        uint8_t packet[TOKEN_OPERATION_ENCODED_SIZE + 1] = {}, again[TOKEN_OPERATION_ENCODED_SIZE];
        TokenOperation back = { .generation = 99 };

        check_int(token_operation_encode(o, packet), 0);
        for (size_t i = 0; i < TOKEN_OPERATION_ENCODED_SIZE; i++)
                check_int(token_operation_decode(VIEW(packet, i), &back), -EBADMSG);
        check_int(token_operation_decode(VIEW_ARRAY(packet), &back), -EBADMSG);
        check_int(back.generation, 99); /* untouched */

        check_int(token_operation_decode(VIEW(packet, TOKEN_OPERATION_ENCODED_SIZE), &back), 0);
        check(back.generation == o->generation && back.kind == o->kind && back.hash == o->hash &&
              back.mgf == o->mgf && back.salt_size == o->salt_size);
        check(memcmp(back.key, o->key, sizeof(o->key)) == 0);
        check(view_equal(VIEW(back.label, back.label_size), VIEW(o->label, o->label_size)));
        check(view_equal(VIEW(back.data, back.data_size), VIEW(o->data, o->data_size)));
        check_int(token_operation_encode(&back, again), 0);
        check(memcmp(packet, again, sizeof(again)) == 0);
}

static void test_layout(void) {
        uint8_t packet[TOKEN_OPERATION_ENCODED_SIZE];
        TokenOperation o = sample(TOKEN_DECRYPT_RSA_OAEP);

        check_int(token_operation_encode(&o, packet), 0);
        check_hex(VIEW(packet, 12), "61747101 0102030405060708");
        check_hex(VIEW(packet + KIND, 4), "05 05 01 00");
        check_hex(VIEW(packet + SALT, 6), "0000 0005 0100");
        check_hex(VIEW(packet + LABEL, 6), "6c6162656c 00");
        check_int(packet[DATA + 255], 0x5c);
        check_int(packet[DATA + 256], 0);
        check_int(DATA + TOKEN_DATA_MAX, TOKEN_OPERATION_ENCODED_SIZE);
}

static void test_round_trip(void) {
        for (int kind = TOKEN_SIGN_RSA_PKCS1; kind < _TOKEN_OPERATION_MAX; kind++) {
                TokenOperation o = sample((TokenOperationKind) kind);
                through(&o);
        }

        /* The limits. */
        TokenOperation o = sample(TOKEN_SIGN_RSA_PKCS1);
        o.data_size = 0;
        memset(o.data, 0, sizeof(o.data));
        through(&o);
        o.data_size = TOKEN_DATA_MAX;
        memset(o.data, 1, sizeof(o.data));
        through(&o);
        o = sample(TOKEN_SIGN_RSA_PSS);
        o.salt_size = 0;
        through(&o);
        o = sample(TOKEN_DECRYPT_RSA_OAEP);
        o.label_size = TOKEN_LABEL_MAX;
        memset(o.label, 'l', sizeof(o.label));
        through(&o);
        o = sample(TOKEN_SIGN_ECDSA);
        o.data_size = 64;
        memset(o.data, 1, 64);
        o.generation = UINT64_MAX;
        through(&o);
}

typedef struct Bend {
        TokenOperationKind kind;
        size_t at;
        uint8_t value;
} Bend;

static const Bend bends[] = {
        { TOKEN_SIGN_RSA_PKCS1, 0, 0 },                 /* magic */
        { TOKEN_SIGN_RSA_PKCS1, 2, 'a' },
        { TOKEN_SIGN_RSA_PKCS1, 3, 2 },                 /* version */
        { TOKEN_SIGN_RSA_PKCS1, KIND, 0 },
        { TOKEN_SIGN_RSA_PKCS1, KIND, 7 },
        { TOKEN_SIGN_RSA_PKCS1, KIND, 0xff },
        { TOKEN_SIGN_RSA_PKCS1, KIND, TOKEN_SIGN_RSA_PSS },
        { TOKEN_SIGN_RSA_PKCS1, HASH, 1 },
        { TOKEN_SIGN_RSA_PKCS1, MGF, 1 },
        { TOKEN_SIGN_RSA_PKCS1, RESERVED, 1 },
        { TOKEN_SIGN_RSA_PKCS1, SALT, 1 },
        { TOKEN_SIGN_RSA_PKCS1, SALT + 1, 1 },
        { TOKEN_SIGN_RSA_PKCS1, LABEL_SIZE + 1, 1 },
        { TOKEN_SIGN_RSA_PKCS1, DATA_SIZE + 1, 50 },    /* a byte beyond the data */
        { TOKEN_SIGN_RSA_PKCS1, DATA_SIZE, 3 },         /* larger than can be */
        { TOKEN_SIGN_RSA_PKCS1, LABEL, 1 },
        { TOKEN_SIGN_RSA_PKCS1, LABEL + TOKEN_LABEL_MAX - 1, 1 },
        { TOKEN_SIGN_RSA_PKCS1, DATA + 51, 1 },
        { TOKEN_SIGN_RSA_PKCS1, DATA + TOKEN_DATA_MAX - 1, 1 },
        { TOKEN_SIGN_RSA_PSS, HASH, 0 },
        { TOKEN_SIGN_RSA_PSS, HASH, _TOKEN_HASH_MAX },
        { TOKEN_SIGN_RSA_PSS, HASH, 0xff },
        { TOKEN_SIGN_RSA_PSS, HASH, TOKEN_HASH_SHA224 }, /* the data is no digest of it */
        { TOKEN_SIGN_RSA_PSS, HASH, TOKEN_HASH_SHA384 },
        { TOKEN_SIGN_RSA_PSS, MGF, 0 },
        { TOKEN_SIGN_RSA_PSS, MGF, _TOKEN_HASH_MAX },
        { TOKEN_SIGN_RSA_PSS, SALT, 3 },
        { TOKEN_SIGN_RSA_PSS, LABEL_SIZE + 1, 1 },
        { TOKEN_SIGN_RSA_PSS, DATA_SIZE + 1, 33 },
        { TOKEN_SIGN_RSA_PSS, DATA_SIZE + 1, 31 },
        { TOKEN_SIGN_RSA_PSS, KIND, TOKEN_DECRYPT_RSA_OAEP }, /* which has no salt */
        { TOKEN_RSA_RAW, HASH, 1 },
        { TOKEN_RSA_RAW, MGF, 1 },
        { TOKEN_RSA_RAW, SALT + 1, 1 },
        { TOKEN_RSA_RAW, LABEL_SIZE + 1, 1 },
        { TOKEN_DECRYPT_RSA_PKCS1, HASH, 1 },
        { TOKEN_DECRYPT_RSA_PKCS1, MGF, 1 },
        { TOKEN_DECRYPT_RSA_PKCS1, SALT + 1, 1 },
        { TOKEN_DECRYPT_RSA_PKCS1, LABEL_SIZE + 1, 1 },
        { TOKEN_DECRYPT_RSA_OAEP, HASH, 0 },
        { TOKEN_DECRYPT_RSA_OAEP, MGF, 0 },
        { TOKEN_DECRYPT_RSA_OAEP, MGF, _TOKEN_HASH_MAX },
        { TOKEN_DECRYPT_RSA_OAEP, SALT + 1, 1 },
        { TOKEN_DECRYPT_RSA_OAEP, LABEL_SIZE, 1 },
        { TOKEN_DECRYPT_RSA_OAEP, LABEL_SIZE + 1, 4 },
        { TOKEN_DECRYPT_RSA_OAEP, LABEL_SIZE + 1, 129 },
        { TOKEN_DECRYPT_RSA_OAEP, LABEL + 5, 1 },
        { TOKEN_SIGN_ECDSA, HASH, 1 },
        { TOKEN_SIGN_ECDSA, MGF, 1 },
        { TOKEN_SIGN_ECDSA, SALT + 1, 1 },
        { TOKEN_SIGN_ECDSA, LABEL_SIZE + 1, 1 },
        { TOKEN_SIGN_ECDSA, DATA_SIZE + 1, 65 },
        { TOKEN_SIGN_ECDSA, DATA_SIZE + 1, 19 },
};

static void test_bent(void) {
        uint8_t packet[TOKEN_OPERATION_ENCODED_SIZE];
        TokenOperation back;

        for (size_t i = 0; i < ELEMENTSOF(bends); i++) {
                TokenOperation o = sample(bends[i].kind);
                check_int(token_operation_encode(&o, packet), 0);
                check(packet[bends[i].at] != bends[i].value);
                packet[bends[i].at] = bends[i].value;
                if (token_operation_decode(VIEW_ARRAY(packet), &back) != -EBADMSG) {
                        fprintf(stderr, "kind %d, byte %zu as %u\n", (int) bends[i].kind, bends[i].at, bends[i].value);
                        abort();
                }
        }
}

static void test_encode_refuses(void) {
        uint8_t packet[TOKEN_OPERATION_ENCODED_SIZE] = { 0x77 };
        TokenOperation o;

        for (int kind = TOKEN_RSA_RAW; kind < _TOKEN_OPERATION_MAX; kind++) {
                o = sample((TokenOperationKind) kind); /* without data */
                o.data_size = 0;
                memset(o.data, 0, sizeof(o.data));
                check_int(token_operation_encode(&o, packet), -EINVAL);
        }
        o = sample(TOKEN_SIGN_RSA_PKCS1);
        o.data_size = TOKEN_DATA_MAX + 1;
        check_int(token_operation_encode(&o, packet), -EINVAL);
        o = sample(TOKEN_DECRYPT_RSA_OAEP);
        o.label_size = TOKEN_LABEL_MAX + 1;
        check_int(token_operation_encode(&o, packet), -EINVAL);
        o = sample(TOKEN_SIGN_ECDSA);
        o.data_size = 65;
        memset(o.data, 1, 65);
        check_int(token_operation_encode(&o, packet), -EINVAL);
        o = sample(TOKEN_SIGN_ECDSA);
        o.data[20] = 1;
        check_int(token_operation_encode(&o, packet), -EINVAL);
        check_int(packet[0], 0x77);
}

static void test_result(void) {
        uint8_t packet[TOKEN_RESULT_ENCODED_SIZE + 1] = {}, again[TOKEN_RESULT_ENCODED_SIZE];
        TokenResult r = { .status = TOKEN_OK, .size = 256 }, back = { .size = 77 };

        memset(r.data, 0xee, 256);
        check_int(token_result_encode(&r, packet), 0);
        check_hex(VIEW(packet, 9), "61746101 0000 0100 ee");
        for (size_t i = 0; i < TOKEN_RESULT_ENCODED_SIZE; i++)
                check_int(token_result_decode(VIEW(packet, i), &back), -EBADMSG);
        check_int(token_result_decode(VIEW_ARRAY(packet), &back), -EBADMSG);
        check_int(back.size, 77);
        check_int(token_result_decode(VIEW(packet, TOKEN_RESULT_ENCODED_SIZE), &back), 0);
        check(back.status == TOKEN_OK && view_equal(VIEW(back.data, back.size), VIEW(r.data, r.size)));
        check_int(token_result_encode(&back, again), 0);
        check(memcmp(packet, again, sizeof(again)) == 0);

        const struct {
                size_t at;
                uint8_t value;
        } bent[] = { { 0, 0 }, { 2, 'q' }, { 3, 0 }, { 4, 1 }, { 5, TOKEN_FAILED }, { 5, _TOKEN_STATUS_MAX },
                     { 6, 0 }, { 6, 3 }, { 7, 1 }, { 8 + 256, 1 }, { 8 + 511, 1 } };
        for (size_t i = 0; i < ELEMENTSOF(bent); i++) {
                bool grows = bent[i].at == 7; /* the size: zeros are data then */
                memcpy(packet, again, sizeof(again));
                packet[bent[i].at] = bent[i].value;
                check_int(token_result_decode(VIEW(packet, TOKEN_RESULT_ENCODED_SIZE), &back), grows ? 0 : -EBADMSG);
        }

        for (int s = TOKEN_OK; s < _TOKEN_STATUS_MAX; s++) {
                r = (TokenResult) { .status = (TokenStatus) s };
                check_int(token_result_encode(&r, packet), 0);
                check_int(token_result_decode(VIEW(packet, TOKEN_RESULT_ENCODED_SIZE), &back), 0);
                check_int(back.status, s);
                r.size = 1;
                check_int(token_result_encode(&r, packet), s == TOKEN_OK ? 0 : -EINVAL);
        }
        r = (TokenResult) { .status = _TOKEN_STATUS_MAX };
        check_int(token_result_encode(&r, packet), -EINVAL);
        r = (TokenResult) { .size = TOKEN_DATA_MAX + 1 };
        check_int(token_result_encode(&r, packet), -EINVAL);
}

static void test_words(void) {
        check_str(token_status_to_string(TOKEN_OK), "ok");
        check_str(token_status_to_string(TOKEN_KEY_GONE), "key-gone");
        check_str(token_status_to_string(_TOKEN_STATUS_MAX), "failed");
        for (int s = TOKEN_OK; s < _TOKEN_STATUS_MAX; s++)
                check(strlen(token_status_to_string((TokenStatus) s)) > 0);
        check_int(token_hash_size(TOKEN_HASH_NONE), 0);
        check_int(token_hash_size(TOKEN_HASH_SHA1), 20);
        check_int(token_hash_size(TOKEN_HASH_SHA512), 64);
        check_int(token_hash_size(_TOKEN_HASH_MAX), 0);

        TokenOperation o = sample(TOKEN_SIGN_ECDSA), zero = {};
        TokenResult r = { .size = 3, .data = { 1, 2, 3 } }, none = {};
        token_operation_erase(&o);
        token_result_erase(&r);
        check(memcmp(o.data, zero.data, sizeof(o.data)) == 0 && o.kind == 0);
        check(memcmp(r.data, none.data, sizeof(r.data)) == 0 && r.size == 0);
}

int main(void) {
        test_layout();
        test_round_trip();
        test_bent();
        test_encode_refuses();
        test_result();
        test_words();
        return EXIT_SUCCESS;
}
