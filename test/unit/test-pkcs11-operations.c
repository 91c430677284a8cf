/* SPDX-License-Identifier: MIT */
#include "pkcs11-client.h"

#define OLD_KEY ((0x6d81af03U >> 5 << 4) + 2)
#define OLD_END 1795607381 /* of TEST_PEM_RSAOLD */

/* The frame makes an operation. */
static TokenOperation operate_at(Client *k, int64_t now) {
        TokenOperation o = {};
        Bytes none = BYTES_NULL;
        Pkcs11Answer answer = PKCS11_ANSWER_REPLY;

        check_int(pkcs11_connection_handle(k->c, frame_end(&k->f), now, &answer, &none, &o), 0);
        check_int(answer, PKCS11_ANSWER_OPERATION);
        check(!none.data);
        check_int(pkcs11_connection_handle(k->c, frame_end(&k->f), now, &answer, &none, &o), -EBUSY);
        return o;
}

static TokenOperation operate(Client *k) {
        return operate_at(k, NOW);
}

static Reply complete(Client *k, TokenStatus status, size_t size) {
        TokenResult result = { .status = status, .size = (uint16_t) size };
        Reply r = {};

        memset(result.data, 0x5a, size);
        check_int(pkcs11_connection_complete(k->c, &result, &r.frame), 0);
        reply_parse(&r);
        check_int(pkcs11_connection_complete(k->c, &result, &r.frame), -EINVAL);
        return r;
}

static void check_output(Client *k, size_t size) {
        _cleanup_reply_ Reply r = complete(k, TOKEN_OK, size);

        check_int(r.rv, CKR_OK);
        check_int(read_u8(&r.r), 1);
        check_int(read_u32(&r.r), size);
        check_int(r.r.left, size);
        for (size_t i = 0; i < size; i++)
                check_int(r.r.at[i], 0x5a);
}

#define PSS_OLD "0000000d 0000000000000250 0000000000000002 0000000000000020"
#define PSS_NEW "0000000d 01 0000000000000250 0000000000000002 0000000000000020"

static void test_sign_pss(void) {
        static const char *const mechanisms[] = { PSS_OLD, PSS_NEW };
        static const uint8_t digest[32] = { 1, 2, 3 };

        for (size_t i = 0; i < ELEMENTSOF(mechanisms); i++) {
                _cleanup_client_ Client k = make_client(RSA_CHAIN, NULL);
                check_int(sign_init(&k, 42, RSA_KEY, mechanisms[i]), CKR_OK);
                check_int(sign_init(&k, 42, RSA_KEY, mechanisms[i]), CKR_OPERATION_ACTIVE);
                /* how long? without the TPM, and the operation goes on */
                begin_data(&k, 43, VIEW_ARRAY(digest), 0);
                check_reply(&k, "00 00000100");
                begin_data(&k, 43, VIEW_ARRAY(digest), 255);
                check_reply(&k, "00 00000100");
                begin_data(&k, 43, VIEW_ARRAY(digest), NULL_SIZE);
                check_reply(&k, "00 00000100");
                begin_data(&k, 43, VIEW_ARRAY(digest), 256);
                TokenOperation o = operate(&k);
                check_int(o.generation, 2);
                check_hex(VIEW_ARRAY(o.key), "10672d1d13c0693afef20b3c51aa6712982f9f662294fd7283b7f9393df3f644");
                check_int(o.kind, TOKEN_SIGN_RSA_PSS);
                check_int(o.hash, TOKEN_HASH_SHA256);
                check_int(o.mgf, TOKEN_HASH_SHA256);
                check_int(o.salt_size, 32);
                check_int(o.label_size, 0);
                check_int(o.data_size, 32);
                check(view_equal(VIEW(o.data, 32), VIEW_ARRAY(digest)));
                for (size_t n = 32; n < sizeof(o.data); n++)
                        check_int(o.data[n], 0);
                check_output(&k, 256);
                begin_data(&k, 43, VIEW_ARRAY(digest), 256);
                check_int(ask_rv(k.c, &k.f), CKR_OPERATION_NOT_INITIALIZED);
        }
}

static void test_sign_ecdsa(void) {
        _cleanup_client_ Client k = make_client(EC_CHAIN, NULL);
        static const uint8_t digest[65] = { 7 };

        check_int(sign_init(&k, 42, EC_KEY, "00001041 ffffffff"), CKR_OK);
        begin_data(&k, 43, VIEW(digest, 32), 64);
        TokenOperation o = operate(&k);
        check_int(o.kind, TOKEN_SIGN_ECDSA);
        check_int(o.hash, TOKEN_HASH_NONE);
        check_int(o.mgf, TOKEN_HASH_NONE);
        check_int(o.data_size, 32);
        check_output(&k, 64);
        check_int(sign_init(&k, 42, EC_KEY, "00001041"), CKR_OK);
        begin_data(&k, 43, VIEW(digest, 65), 64);
        check_int(ask_rv(k.c, &k.f), CKR_DATA_LEN_RANGE);
        begin_data(&k, 43, VIEW(digest, 32), 64); /* the failure has ended it */
        check_int(ask_rv(k.c, &k.f), CKR_OPERATION_NOT_INITIALIZED);
        check_int(sign_init(&k, 42, EC_KEY, "00001041"), CKR_OK);
        begin_data(&k, 43, VIEW_NULL, 64);
        check_int(ask_rv(k.c, &k.f), CKR_DATA_LEN_RANGE);
        check_int(sign_init(&k, 42, EC_KEY, "00001044"), CKR_OK);
        begin_data(&k, 43, VIEW_STR("abc"), 64);
        o = operate(&k);
        check_hex(VIEW(o.data, o.data_size), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        check_output(&k, 64);
}

/* In one call and in parts: the same DigestInfo. */
static void test_sign_hashed(void) {
        static const struct {
                const char *mechanism, *data;
        } rows[] = {
                { "00000006", "3021300906052b0e03021a05000414 a9993e364706816aba3e25717850c26c9cd0d89d" },
                { "00000046", "302d300d06096086480165030402040500041c"
                              "23097d223405d8228642a477bda255b32aadbce4bda0b3f7e36c9da7" },
                { "00000040", "3031300d060960864801650304020105000420"
                              "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
                { "00000041", "3041300d060960864801650304020205000430"
                              "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded163"
                              "1a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7" },
                { "00000042", "3051300d060960864801650304020305000440"
                              "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
                              "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f" },
                { "00000043 01 0000000000000250 0000000000000001 0000000000000020",
                  "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
        };
        _cleanup_client_ Client k = make_client(RSA_CHAIN, NULL);

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                check_int(sign_init(&k, 42, RSA_KEY, rows[i].mechanism), CKR_OK);
                begin_data(&k, 43, VIEW_STR("abc"), 512);
                TokenOperation o = operate(&k);
                check_hex(VIEW(o.data, o.data_size), rows[i].data);
                check_output(&k, 256);

                check_int(sign_init(&k, 42, RSA_KEY, rows[i].mechanism), CKR_OK);
                check_int(session_call(&k, 44, "uay", "01 00000002 6162"), CKR_OK);
                begin_data(&k, 43, VIEW_STR("c"), 512); /* not both ways at once */
                check_int(ask_rv(k.c, &k.f), CKR_OPERATION_ACTIVE);
                check_int(session_call(&k, 44, "uay", "01 00000001 63"), CKR_OK);
                begin_session(&k, 45, "ufy");
                put_hex(&k.f, "00000000");
                check_reply(&k, "00 00000100");
                begin_session(&k, 45, "ufy");
                put_hex(&k.f, "00000100");
                o = operate(&k);
                check_hex(VIEW(o.data, o.data_size), rows[i].data);
                check_output(&k, 256);
                check_int(session_call(&k, 45, "ufy", "00000100"), CKR_OPERATION_NOT_INITIALIZED);
        }
}

static void test_sign_raw(void) {
        _cleanup_client_ Client k = make_client(RSA_CHAIN, NULL);
        static const uint8_t data[PKCS11_INPUT_MAX + 1];

        static const struct {
                const char *mechanism;
                size_t good, bad;
        } rows[] = { { "00000001", 245, 246 }, { "00000003", 256, 257 }, { PSS_NEW, 32, 31 }, { PSS_OLD, 32, 33 } };
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                check_int(sign_init(&k, 42, RSA_KEY, rows[i].mechanism), CKR_OK);
                begin_data(&k, 43, VIEW(data, rows[i].bad), 256);
                check_int(ask_rv(k.c, &k.f), CKR_DATA_LEN_RANGE);
                check_int(sign_init(&k, 42, RSA_KEY, rows[i].mechanism), CKR_OK);
                begin_data(&k, 43, VIEW(data, rows[i].good), 256);
                check_int(operate(&k).data_size, rows[i].good);
                check_output(&k, 256);
        }
        /* too much at once, also of what is hashed */
        check_int(sign_init(&k, 42, RSA_KEY, "00000001"), CKR_OK);
        begin_data(&k, 43, VIEW_ARRAY(data), 256);
        check_int(ask_rv(k.c, &k.f), CKR_DATA_LEN_RANGE);
        check_int(sign_init(&k, 42, RSA_KEY, "00000040"), CKR_OK);
        begin_data(&k, 43, VIEW_ARRAY(data), 256);
        check_int(ask_rv(k.c, &k.f), CKR_DATA_LEN_RANGE);
        check_int(sign_init(&k, 42, RSA_KEY, "00000040"), CKR_OK);
        begin_data(&k, 43, VIEW(data, PKCS11_INPUT_MAX), 256);
        (void) operate(&k);
        check_output(&k, 256);
        /* NULL in place of data, of a size */
        check_int(sign_init(&k, 42, RSA_KEY, "00000040"), CKR_OK);
        check_int(session_call(&k, 43, "uayfy", "00 00000020 00000100"), CKR_ARGUMENTS_BAD);
        /* a number that lost its leading zero */
        check_int(sign_init(&k, 42, RSA_KEY, "00000003"), CKR_OK);
        begin_data(&k, 43, VIEW(data, 256), 256);
        (void) operate(&k);
        _cleanup_reply_ Reply r = complete(&k, TOKEN_OK, 255);
        check_hex(VIEW(r.r.at, 7), "01 00000100 00 5a");
        check_int(r.r.left, 5 + 256);
}

static void test_init_refused(void) {
        static const struct {
                uint32_t call;
                bool ec;
                uint64_t key;
                const char *mechanism;
                uint64_t rv;
        } rows[] = {
                { 42, false, RSA_KEY, "00001041", CKR_KEY_TYPE_INCONSISTENT },
                { 42, true, EC_KEY, PSS_NEW, CKR_KEY_TYPE_INCONSISTENT },
                { 42, false, RSA_KEY, "00000250", CKR_MECHANISM_INVALID },
                { 42, true, EC_KEY, "00001050 01 0000000000000001 ffffffff 00000002 0405", CKR_MECHANISM_INVALID },
                { 42, false, RSA_KEY, "00000009 01 0000000000000220 0000000000000001 0000000000000001 00000000",
                  CKR_MECHANISM_INVALID }, /* OAEP does not sign */
                { 33, false, RSA_KEY, PSS_NEW, CKR_MECHANISM_INVALID },
                { 33, false, RSA_KEY, "00000040", CKR_MECHANISM_INVALID },
                { 33, true, EC_KEY, "00001041", CKR_MECHANISM_INVALID },
                { 42, false, RSA_KEY - 1, "00000001", CKR_KEY_HANDLE_INVALID }, /* certificate, public key, none */
                { 42, false, RSA_KEY + 1, "00000001", CKR_KEY_HANDLE_INVALID },
                { 42, false, EC_KEY, "00000001", CKR_KEY_HANDLE_INVALID },
                { 42, false, 0, "00000001", CKR_KEY_HANDLE_INVALID },
                { 42, false, RSA_KEY, "0000000d 00", CKR_MECHANISM_PARAM_INVALID },
                { 42, false, RSA_KEY, "0000000d ffffffff", CKR_MECHANISM_PARAM_INVALID },
                { 42, false, RSA_KEY, "0000000d 01 0000000000000251 0000000000000002 0000000000000020",
                  CKR_MECHANISM_PARAM_INVALID },
                { 42, false, RSA_KEY, "0000000d 01 0000000000000250 0000000000000000 0000000000000020",
                  CKR_MECHANISM_PARAM_INVALID },
                { 42, false, RSA_KEY, "0000000d 01 0000000000000250 0000000000000002 00000000000000df",
                  CKR_MECHANISM_PARAM_INVALID },
                { 42, false, RSA_KEY, "0000000d 01 0000000000000250 0000000000000002 00000000000000de", CKR_OK },
                { 42, false, RSA_KEY, "0000000d 01 0000000000000250 0000000000000002 ffffffffffffffff",
                  CKR_MECHANISM_PARAM_INVALID },
                { 42, false, RSA_KEY, "00000043 01 0000000000000260 0000000000000002 0000000000000020",
                  CKR_MECHANISM_PARAM_INVALID }, /* another hash than the mechanism's */
                { 33, false, RSA_KEY, "00000009 01 0000000000000220 0000000000000001 0000000000000002 00000000",
                  CKR_MECHANISM_PARAM_INVALID },
                { 33, false, RSA_KEY, "00000009 01 0000000000000220 0000000000000001 0000000000000000 00000001 61",
                  CKR_MECHANISM_PARAM_INVALID },
                { 33, false, RSA_KEY, "00000009 01 0000000000000220 0000000000000001 0000000000000000 ffffffff",
                  CKR_OK },
                { 42, false, RSA_KEY, "0000000d 03", CKR_ARGUMENTS_BAD },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                _cleanup_client_ Client k = make_client(rows[i].ec ? EC_CHAIN : RSA_CHAIN, NULL);
                check_int(sign_init(&k, rows[i].call, rows[i].key, rows[i].mechanism), rows[i].rv);
        }

        _cleanup_client_ Client k = make_client(RSA_CHAIN, NULL);
        check_int(sign_init(&k, 42, RSA_KEY, "00000001"), CKR_OK);
        check_int(sign_init(&k, 42, RSA_KEY, "ffffffff"), CKR_OK); /* cancels */
        check_int(sign_init(&k, 42, RSA_KEY, "00000001"), CKR_OK);
        check_int(sign_init(&k, 33, RSA_KEY, "00000001"), CKR_OK); /* signing does not keep from decrypting */
}

static void test_decrypt(void) {
        static const struct {
                const char *mechanism;
                TokenOperationKind kind;
                size_t max;
        } rows[] = {
                { "00000001", TOKEN_DECRYPT_RSA_PKCS1, 245 },
                { "00000009 01 0000000000000220 0000000000000001 0000000000000001 00000002 6162",
                  TOKEN_DECRYPT_RSA_OAEP, 214 },
                { "00000009 0000000000000250 0000000000000005 0000000000000001 00000000", TOKEN_DECRYPT_RSA_OAEP, 190 },
                { "00000003", TOKEN_RSA_RAW, 256 },
        };
        static const uint8_t block[256] = { 1 };
        _cleanup_client_ Client k = make_client(RSA_CHAIN, NULL);

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                check_int(sign_init(&k, 33, RSA_KEY, rows[i].mechanism), CKR_OK);
                begin_data(&k, 34, VIEW_ARRAY(block), 0);
                _cleanup_reply_ Reply r = ask(k.c, &k.f);
                check_int(read_u8(&r.r), 0);
                check_int(read_u32(&r.r), rows[i].max);
                begin_data(&k, 34, VIEW_ARRAY(block), 256);
                TokenOperation o = operate(&k);
                check_int(o.kind, rows[i].kind);
                check_int(o.data_size, 256);
                check_int(o.label_size, i == 1 ? 2 : 0);
                check_int(o.mgf, i == 1 ? TOKEN_HASH_SHA1 : i == 2 ? TOKEN_HASH_SHA224 : TOKEN_HASH_NONE);
                check_output(&k, i == 3 ? 256 : 48);
        }
        check_int(sign_init(&k, 33, RSA_KEY, "00000001"), CKR_OK);
        begin_data(&k, 34, VIEW(block, 255), 256);
        check_int(ask_rv(k.c, &k.f), CKR_ENCRYPTED_DATA_LEN_RANGE);
        /* nothing in it: an answer, too */
        check_int(sign_init(&k, 33, RSA_KEY, "00000001"), CKR_OK);
        begin_data(&k, 34, VIEW_ARRAY(block), 256);
        (void) operate(&k);
        check_output(&k, 0);
        begin_session(&k, 35, "uayfy");
        check_int(ask_rv(k.c, &k.f), CKR_FUNCTION_NOT_SUPPORTED);
}

static void test_statuses(void) {
        static const struct {
                TokenStatus status;
                size_t size;
                uint64_t sign, decrypt;
        } rows[] = {
                { TOKEN_BAD_LENGTH, 0, CKR_DATA_LEN_RANGE, CKR_ENCRYPTED_DATA_LEN_RANGE },
                { TOKEN_BAD_DATA, 0, CKR_DATA_INVALID, CKR_ENCRYPTED_DATA_INVALID },
                { TOKEN_KEY_GONE, 0, CKR_KEY_HANDLE_INVALID, CKR_KEY_HANDLE_INVALID },
                { TOKEN_NO_TPM, 0, CKR_DEVICE_ERROR, CKR_DEVICE_ERROR },
                { TOKEN_LOCKOUT, 0, CKR_DEVICE_ERROR, CKR_DEVICE_ERROR },
                { TOKEN_TIMEOUT, 0, CKR_FUNCTION_FAILED, CKR_FUNCTION_FAILED },
                { TOKEN_BUSY, 0, CKR_FUNCTION_FAILED, CKR_FUNCTION_FAILED },
                { TOKEN_FAILED, 0, CKR_FUNCTION_FAILED, CKR_FUNCTION_FAILED },
                { (TokenStatus) 77, 0, CKR_FUNCTION_FAILED, CKR_FUNCTION_FAILED },
                { TOKEN_OK, 257, CKR_FUNCTION_FAILED, CKR_FUNCTION_FAILED }, /* not what a key of that size gives */
                { TOKEN_OK, 255, CKR_FUNCTION_FAILED, CKR_FUNCTION_FAILED },
        };
        static const uint8_t block[256] = { 1 };
        _cleanup_client_ Client k = make_client(RSA_CHAIN, NULL);

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                check_int(sign_init(&k, 42, RSA_KEY, "00000040"), CKR_OK);
                begin_data(&k, 43, VIEW_STR("abc"), 256);
                (void) operate(&k);
                _cleanup_reply_ Reply s = complete(&k, rows[i].status, rows[i].size);
                check_int(s.rv, rows[i].sign);
                check_int(session_call(&k, 45, "ufy", "00000100"), CKR_OPERATION_NOT_INITIALIZED);
                check_int(sign_init(&k, 33, RSA_KEY, "00000001"), CKR_OK);
                begin_data(&k, 34, VIEW_ARRAY(block), 256);
                (void) operate(&k);
                _cleanup_reply_ Reply d = complete(&k, rows[i].status, rows[i].size);
                check_int(d.rv, rows[i].decrypt);
        }
}

/* The client goes while the TPM is at it. */
static void test_gone(void) {
        Client k = make_client(RSA_CHAIN, NULL);

        check_int(sign_init(&k, 42, RSA_KEY, "00000040"), CKR_OK);
        begin_data(&k, 43, VIEW_STR("abc"), 256);
        (void) operate(&k);
        client_done(&k);
}

/* --- Renewal --- */

static void test_renewal(void) {
        _cleanup_client_ Client k = make_client(TEST_PEM_RSAOLD TEST_PEM_INTER, NULL);
        uint64_t old_session = k.session;

        check_int(session_call(&k, 26, "uaA", "00000000"), CKR_OK);
        check_int(sign_init(&k, 42, OLD_KEY, "00000040"), CKR_OK);
        set_token(k.token, EC_CHAIN, TEST_PEM_RSAOLD TEST_PEM_INTER);

        /* the old session is stale, but goes on, with what it has found too */
        check_int(session_call(&k, 13, "u", ""), CKR_SESSION_HANDLE_INVALID);
        check_int(session_call(&k, 27, "ufu", "00000010"), CKR_OK);
        check_int(session_call(&k, 28, "u", ""), CKR_OK);
        begin_get(&k, OLD_KEY, "00000001 00000000 00000008");
        check_reply(&k, "00000001 00000000 01 00000008 0000000000000003 0000000000000000");
        begin_data(&k, 43, VIEW_STR("abc"), 256);
        TokenOperation o = operate(&k);
        check_int(o.generation, 1);
        check_output(&k, 256);

        /* new objects only */
        check_int(session_call(&k, 26, "uaA", "00000001 00000000 01 00000008 0000000000000003"), CKR_OK);
        begin_session(&k, 27, "ufu");
        put_hex(&k.f, "00000010");
        check_reply(&k, "01 00000001 000000006c888d02");
        check_int(session_call(&k, 28, "u", ""), CKR_OK);
        k.session = open_session(&k);
        check_int(session_call(&k, 13, "u", ""), CKR_OK);

        /* after its end, also of an operation that has begun before */
        k.session = old_session;
        check_int(sign_init(&k, 42, OLD_KEY, "00000040"), CKR_OK);
        begin_data(&k, 43, VIEW_STR("abc"), 256);
        _cleanup_reply_ Reply r = ask_at(k.c, frame_end(&k.f), OLD_END + 1);
        check_int(r.rv, CKR_KEY_HANDLE_INVALID);
        begin_get(&k, OLD_KEY, "00000001 00000000 00000008");
        _cleanup_reply_ Reply a = ask_at(k.c, frame_end(&k.f), OLD_END + 1);
        check_int(a.rv, CKR_OBJECT_HANDLE_INVALID);
        check_int(sign_init(&k, 42, OLD_KEY, "00000040"), CKR_OK);
        begin_data(&k, 43, VIEW_STR("abc"), 256);
        (void) operate_at(&k, OLD_END);
        check_output(&k, 256);
}

/* A generation that is dropped while the TPM signs with its key: the signature is good. */
static void test_renewal_meanwhile(void) {
        _cleanup_client_ Client k = make_client(RSA_CHAIN, NULL);

        check_int(sign_init(&k, 42, RSA_KEY, "00000040"), CKR_OK);
        begin_data(&k, 43, VIEW_STR("abc"), 256);
        (void) operate(&k);
        set_token(k.token, NULL, NULL);
        check_output(&k, 256);
}

int main(void) {
        test_sign_pss();
        test_sign_ecdsa();
        test_sign_hashed();
        test_sign_raw();
        test_init_refused();
        test_decrypt();
        test_statuses();
        test_gone();
        test_renewal();
        test_renewal_meanwhile();
        return EXIT_SUCCESS;
}
