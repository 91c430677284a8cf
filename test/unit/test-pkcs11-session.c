/* SPDX-License-Identifier: MIT */
#include <openssl/evp.h>

#include "pkcs11-client.h"
#include "protocol/pkcs11-session.h"

#define RSA_CHAIN TEST_PEM_RSA TEST_PEM_INTER
#define EC_CHAIN TEST_PEM_EC TEST_PEM_INTER
#define RSA_KEY 0x38a971f2U
#define EC_KEY 0x6c888d02U
#define OLD_KEY ((0x6d81af03U >> 5 << 4) + 2)
#define OLD_END 1795607381 /* of TEST_PEM_RSAOLD */

static const char serial[16] = { "0123456789abcdef" };

typedef struct Client {
        Pkcs11Token *token;
        Pkcs11Connection *c;
        uint64_t session;
        Frame f;
} Client;

static void client_done(Client *k) {
        pkcs11_connection_free(k->c);
        pkcs11_token_free(k->token);
}
#define _cleanup_client_ _cleanup_(client_done)

static void begin(Client *k, uint32_t call, const char *signature) {
        frame_begin(&k->f, call, signature);
}

/* With the session, which most of them begin with. */
static void begin_session(Client *k, uint32_t call, const char *signature) {
        begin(k, call, signature);
        write_u64(&k->f.w, k->session);
}

static uint64_t open_session(Client *k) {
        begin(k, 10, "uu");
        write_u64(&k->f.w, 1);
        write_u64(&k->f.w, CKF_SERIAL_SESSION | CKF_RW_SESSION);
        _cleanup_reply_ Reply r = ask(k->c, &k->f);
        check_int(r.call, 10);
        uint64_t id = read_u64(&r.r);
        check(reader_done(&r.r) && id != 0 && id <= INT32_MAX);
        return id;
}

static Client make_client(const char *newest, const char *older) {
        Client k = {};

        check_int(pkcs11_token_new(serial, &k.token), 0);
        set_token(k.token, newest, older);
        check_int(pkcs11_connection_new(k.token, true, &k.c), 0);
        if (newest)
                k.session = open_session(&k);
        return k;
}

static void check_reply(Client *k, const char *hex) {
        _cleanup_reply_ Reply r = ask(k->c, &k->f);

        check_int(r.rv, CKR_OK);
        check_hex(VIEW(r.r.at, r.r.left), hex);
}

/* --- Slot and token --- */

static void begin_initialize(Client *k, const char *handshake) {
        begin(k, 1, "ayyay");
        put_data(&k->f, VIEW_STR(handshake));
        write_u8(&k->f.w, 0);
        put_data(&k->f, VIEW("", 1));
}

static void test_initialize(void) {
        _cleanup_client_ Client k = make_client(RSA_CHAIN, NULL);

        begin_initialize(&k, "PRIVATE-GNOME-KEYRING-PKCS11-PROTOCOL-V-2");
        check_int(ask_rv(k.c, &k.f), CKR_GENERAL_ERROR);
        begin_initialize(&k, "PRIVATE-GNOME-KEYRING-PKCS11-PROTOCOL-V-1");
        check_reply(&k, "");
        begin(&k, 3, "");
        check_reply(&k, "0228 00000020 617474657a7420202020202020202020202020202020202020202020202020 20"
                        "0000000000000000"
                        "00000020 417474657a74204174746573746174696f6e204167656e742020202020202020 0001");

        Pkcs11Answer answer;
        TokenOperation o;
        Reply r = {};
        begin(&k, 2, "");
        check_int(pkcs11_connection_handle(k.c, frame_end(&k.f), NOW, &answer, &r.frame, &o), 0);
        check_int(answer, PKCS11_ANSWER_LAST);
        reply_parse(&r);
        check_int(r.call, 2);
        reply_done(&r);
}

static void check_slots(Client *k, bool with_token, uint32_t room, const char *hex) {
        begin(k, 4, "yfu");
        write_u8(&k->f.w, with_token);
        write_u32(&k->f.w, room);
        check_reply(k, hex);
}

static uint64_t slot_flags(Client *k) {
        begin(k, 5, "u");
        write_u64(&k->f.w, 1);
        _cleanup_reply_ Reply r = ask(k->c, &k->f);
        check_int(r.call, 5);
        check_int(read_u32(&r.r), 64);
        check(view_equal(VIEW(r.r.at, 25), VIEW_STR("Attezt Attestation Agent ")));
        (void) read_view(&r.r, 64 + 4 + 32);
        return read_u64(&r.r);
}

static uint64_t slot_call(Client *k, uint32_t call, const char *signature, const char *hex) {
        begin(k, call, signature);
        put_hex(&k->f, hex);
        return ask_rv(k->c, &k->f);
}

static void test_slot(void) {
        _cleanup_client_ Client k = make_client(RSA_CHAIN, NULL);

        check_slots(&k, true, 0, "00 00000001");
        check_slots(&k, true, 1, "01 00000001 0000000000000001");
        check_slots(&k, true, UINT32_MAX, "00 00000001");
        check_int(slot_flags(&k), 7);
        begin(&k, 6, "u");
        write_u64(&k.f.w, 1);
        _cleanup_reply_ Reply r = ask(k.c, &k.f);
        check_int(r.call, 6);
        check_int(read_u32(&r.r), 32);
        check(view_equal(read_view(&r.r, 32), VIEW_STR("Attestation Trust               ")));
        check_int(read_u32(&r.r), 32);
        check(view_equal(read_view(&r.r, 32), VIEW_STR("attezt                          ")));
        check_int(read_u32(&r.r), 16);
        check(view_equal(read_view(&r.r, 16), VIEW_STR("attezt-agent    ")));
        check_int(read_u32(&r.r), 16);
        check(view_equal(read_view(&r.r, 16), VIEW(serial, 16)));
        check_int(read_u64(&r.r), 0x402);
        (void) read_view(&r.r, 10 * 8 + 4);
        check_int(read_u32(&r.r), 16);
        (void) read_view(&r.r, 16);
        check(reader_done(&r.r));
        check_int(slot_call(&k, 6, "u", "0000000000000002"), CKR_SLOT_ID_INVALID);
        check_int(slot_call(&k, 10, "uu", "0000000000000001 0000000000000002"), CKR_SESSION_PARALLEL_NOT_SUPPORTED);
}

/* Nothing enrolled, or a client that may not see it: the same. */
static void check_empty(Client *k) {
        check_slots(k, false, 0, "00 00000001");
        check_slots(k, false, 4, "01 00000001 0000000000000001");
        check_slots(k, true, 0, "00 00000000");
        check_slots(k, true, 4, "01 00000000");
        check_int(slot_flags(k), 6);
        check_int(slot_call(k, 6, "u", "0000000000000001"), CKR_TOKEN_NOT_PRESENT);
        check_int(slot_call(k, 7, "ufu", "0000000000000001 00000000"), CKR_TOKEN_NOT_PRESENT);
        check_int(slot_call(k, 8, "uu", "0000000000000001 000000000000000d"), CKR_TOKEN_NOT_PRESENT);
        check_int(slot_call(k, 10, "uu", "0000000000000001 0000000000000004"), CKR_TOKEN_NOT_PRESENT);
}

static void test_empty(void) {
        _cleanup_client_ Client k = make_client(NULL, NULL), hidden = make_client(RSA_CHAIN, NULL);

        check_empty(&k);
        pkcs11_connection_free(hidden.c);
        check_int(pkcs11_connection_new(hidden.token, false, &hidden.c), 0);
        check_empty(&hidden);
}

static void test_mechanisms(void) {
        _cleanup_client_ Client k = make_client(RSA_CHAIN, NULL), e = make_client(EC_CHAIN, NULL);

        begin(&k, 7, "ufu");
        put_hex(&k.f, "0000000000000001 00000000");
        check_reply(&k, "00 0000000e");
        begin(&e, 7, "ufu");
        put_hex(&e.f, "0000000000000001 00000040");
        check_reply(&e, "01 00000006 0000000000001041 0000000000001042 0000000000001043 0000000000001044"
                        "0000000000001045 0000000000001046");
        begin(&k, 8, "uu");
        put_hex(&k.f, "0000000000000001 0000000000000001");
        check_reply(&k, "0000000000000800 0000000000001000 0000000000000a01");
        begin(&e, 8, "uu");
        put_hex(&e.f, "0000000000000001 0000000000001041");
        check_reply(&e, "0000000000000100 0000000000000180 0000000001900801");
        check_int(slot_call(&e, 8, "uu", "0000000000000001 000000000000000d"), CKR_MECHANISM_INVALID);
        check_int(slot_call(&k, 8, "uu", "0000000000000001 0000000100000001"), CKR_MECHANISM_INVALID);
}

/* --- Sessions --- */

static uint64_t session_call(Client *k, uint32_t call, const char *signature, const char *hex) {
        begin_session(k, call, signature);
        put_hex(&k->f, hex);
        return ask_rv(k->c, &k->f);
}

static void test_sessions(void) {
        _cleanup_client_ Client k = make_client(RSA_CHAIN, NULL);
        uint64_t first = k.session, id = 0;

        begin_session(&k, 13, "u");
        check_reply(&k, "0000000000000001 0000000000000002 0000000000000006 0000000000000000");
        check_int(session_call(&k, 18, "uuay", "0000000000000001 01 00000004 31323334"), CKR_OK);
        check_int(session_call(&k, 19, "u", ""), CKR_OK);
        for (unsigned i = 1; i < PKCS11_SESSIONS_MAX; i++) {
                uint64_t next = open_session(&k);
                check(next != first && next != id);
                id = next;
        }
        check_int(slot_call(&k, 10, "uu", "0000000000000001 0000000000000004"), CKR_SESSION_COUNT);
        check_int(session_call(&k, 11, "u", ""), CKR_OK);
        check_int(session_call(&k, 11, "u", ""), CKR_SESSION_HANDLE_INVALID);
        check_int(session_call(&k, 13, "u", ""), CKR_SESSION_HANDLE_INVALID);
        k.session = open_session(&k);
        check(k.session != first);
        check_int(slot_call(&k, 12, "u", "0000000000000001"), CKR_OK);
        check_int(session_call(&k, 13, "u", ""), CKR_SESSION_HANDLE_INVALID);
        k.session = open_session(&k);
        begin_initialize(&k, "PRIVATE-GNOME-KEYRING-PKCS11-PROTOCOL-V-1");
        check_reply(&k, "");
        check_int(session_call(&k, 13, "u", ""), CKR_SESSION_HANDLE_INVALID);
}

/* A connection that is kept over a restart: the client's sessions are unknown, and new ones have other numbers. */
static void test_restart(void) {
        _cleanup_client_ Client k = make_client(RSA_CHAIN, NULL);
        uint64_t before = k.session;

        pkcs11_connection_free(k.c);
        check_int(pkcs11_connection_new(k.token, true, &k.c), 0);
        check_int(session_call(&k, 13, "u", ""), CKR_SESSION_HANDLE_INVALID);
        begin(&k, 10, "uu");
        put_hex(&k.f, "0000000000000001 0000000000000004");
        _cleanup_reply_ Reply r = ask_at(k.c, frame_end(&k.f), NOW + 1);
        check(read_u64(&r.r) > before);
}

/* --- Objects --- */

static void test_find(void) {
        _cleanup_client_ Client k = make_client(EC_CHAIN, NULL);

        check_int(session_call(&k, 27, "ufu", "00000010"), CKR_OPERATION_NOT_INITIALIZED);
        check_int(session_call(&k, 28, "u", ""), CKR_OPERATION_NOT_INITIALIZED);
        check_int(session_call(&k, 26, "uaA", "00000000"), CKR_OK);
        check_int(session_call(&k, 26, "uaA", "00000000"), CKR_OPERATION_ACTIVE);
        begin_session(&k, 27, "ufu");
        put_hex(&k.f, "00000002");
        check_reply(&k, "01 00000002 000000006c888d01 000000006c888d02");
        begin_session(&k, 27, "ufu");
        put_hex(&k.f, "00000010");
        check_reply(&k, "01 00000003 000000006c888d03 000000006c888d04 000000006c888d05");
        begin_session(&k, 27, "ufu");
        put_hex(&k.f, "00000010");
        check_reply(&k, "01 00000000");
        check_int(session_call(&k, 28, "u", ""), CKR_OK);
        check_int(session_call(&k, 26, "uaA", "00000001 00000000 01 00000008 00000000ce534351"), CKR_OK);
        begin_session(&k, 27, "ufu");
        put_hex(&k.f, "00000010");
        check_reply(&k, "01 00000000");
}

static void begin_get(Client *k, uint64_t handle, const char *hex) {
        begin_session(k, 24, "uufA");
        write_u64(&k->f.w, handle);
        put_hex(&k->f, hex);
}

static void test_attributes(void) {
        _cleanup_client_ Client k = make_client(EC_CHAIN, NULL);

        begin_get(&k, EC_KEY, "00000003 00000000 00000008 00000003 00000000 00000103 00000001");
        check_reply(&k, "00000003 00000000 01 00000008 0000000000000003"
                        "00000003 01 0000000e ffffffff 00000103 01 00000001 01 0000000000000000");
        begin_get(&k, EC_KEY, "00000002 00000011 00000100 00000003 00000005");
        check_reply(&k, "00000002 00000011 00 00000003 00 0000000000000011");
        begin_get(&k, EC_KEY, "00000001 00000003 00000005");
        check_reply(&k, "00000001 00000003 00 0000000000000150");
        begin_get(&k, EC_KEY, "00000003 00000011 00000100 00000003 00000005 00000120 00000000");
        check_reply(&k, "00000003 00000011 00 00000003 00 00000120 00 0000000000000012");
        begin_get(&k, EC_KEY, "00000000");
        check_reply(&k, "00000000 0000000000000000");
        begin_get(&k, EC_KEY, "00000001 40000211 00000018 00000001 00000000 00000008");
        check_reply(&k, "00000001 40000211 00 0000000000000012");
        begin_get(&k, EC_KEY + 100, "00000001 00000003 00000000");
        check_int(ask_rv(k.c, &k.f), CKR_OBJECT_HANDLE_INVALID);
        begin_session(&k, 23, "uu");
        write_u64(&k.f.w, EC_KEY);
        _cleanup_reply_ Reply r = ask(k.c, &k.f);
        check(read_u64(&r.r) > 200);
}

/* What a hostile client may ask for, which costs nothing. */
static void test_much(void) {
        _cleanup_client_ Client k = make_client(RSA_CHAIN, NULL);

        begin_get(&k, RSA_KEY - 1, "00000003 00000011 3fffffff 00000011 7fffffff 00000011 ffffffff");
        _cleanup_reply_ Reply r = ask(k.c, &k.f);
        check(r.frame.size < 4096);
        begin_get(&k, RSA_KEY - 1, "00000040");
        for (unsigned i = 0; i < 64; i++)
                put_hex(&k.f, "00000011 00010000");
        _cleanup_reply_ Reply much = ask(k.c, &k.f);
        check(much.rv == CKR_OK || much.rv == CKR_DEVICE_MEMORY);
        begin_get(&k, RSA_KEY, "00061a80");
        for (unsigned i = 0; i < 7000; i++)
                put_hex(&k.f, "00000003 00000000");
        check_int(ask_rv(k.c, &k.f), CKR_ARGUMENTS_BAD);
        begin_session(&k, 26, "uaA");
        for (unsigned i = 0; i < 4000; i++)
                put_hex(&k.f, "00000001 40000211 01 00000018");
        check_int(ask_rv(k.c, &k.f), CKR_OK); /* matches nothing, and was not read */
        check_int(session_call(&k, 28, "u", ""), CKR_OK);
        begin_get(&k, RSA_KEY, "");
        for (unsigned i = 0; i < 5000; i++)
                put_hex(&k.f, "00000001 40000211 00000018");
        check_int(ask_rv(k.c, &k.f), CKR_ARGUMENTS_BAD);
}

/* --- Signing and decrypting --- */

static uint64_t sign_init(Client *k, uint32_t call, uint64_t key, const char *mechanism) {
        begin_session(k, call, "uMu");
        put_hex(&k->f, mechanism);
        write_u64(&k->f.w, key);
        return ask_rv(k->c, &k->f);
}

static void begin_data(Client *k, uint32_t call, ByteView data, uint32_t room) {
        begin_session(k, call, "uayfy");
        put_data(&k->f, data);
        write_u32(&k->f.w, room);
}

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
                              "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7" },
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
                { 33, false, RSA_KEY, "00000009 01 0000000000000220 0000000000000001 0000000000000000 ffffffff", CKR_OK },
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

static void test_removed(void) {
        _cleanup_client_ Client k = make_client(RSA_CHAIN, NULL);

        check_int(sign_init(&k, 42, RSA_KEY, "00000040"), CKR_OK);
        check_int(session_call(&k, 26, "uaA", "00000000"), CKR_OK);
        set_token(k.token, NULL, NULL);
        check_empty(&k);
        check_int(session_call(&k, 13, "u", ""), CKR_SESSION_HANDLE_INVALID);
        begin_get(&k, RSA_KEY, "00000001 00000000 00000008");
        check_int(ask_rv(k.c, &k.f), CKR_DEVICE_REMOVED);
        begin_data(&k, 43, VIEW_STR("abc"), 256);
        check_int(ask_rv(k.c, &k.f), CKR_DEVICE_REMOVED);
        check_int(sign_init(&k, 42, RSA_KEY, "00000040"), CKR_DEVICE_REMOVED);
        check_int(session_call(&k, 28, "u", ""), CKR_OK);
        check_int(session_call(&k, 26, "uaA", "00000000"), CKR_DEVICE_REMOVED);
        check_int(session_call(&k, 11, "u", ""), CKR_OK);
        /* back again */
        set_token(k.token, RSA_CHAIN, NULL);
        k.session = open_session(&k);
        check_int(session_call(&k, 13, "u", ""), CKR_OK);
}

/* --- What is not for this token, and what is no call --- */

static void test_refused(void) {
        static const uint8_t writes[] = { 9, 14, 15, 20, 21, 22, 25 };
        _cleanup_client_ Client k = make_client(RSA_CHAIN, NULL);

        for (uint32_t call = 0; call < 300; call++) {
                if (call == 2)
                        continue;
                begin(&k, call, "zzz");
                uint64_t rv = ask_rv(k.c, &k.f), expected = CKR_FUNCTION_NOT_SUPPORTED;
                if (memchr(writes, (int) call, sizeof(writes)) && call < 256)
                        expected = CKR_TOKEN_WRITE_PROTECTED;
                else if (call == 63 || call == 64)
                        expected = CKR_RANDOM_NO_RNG;
                else if ((call >= 1 && call <= 13) || call == 18 || call == 19 || (call >= 23 && call <= 28) ||
                         call == 33 || call == 34 || (call >= 42 && call <= 45))
                        expected = CKR_ARGUMENTS_BAD;
                check_int(rv, expected);
        }
        begin(&k, UINT32_MAX, "");
        check_int(ask_rv(k.c, &k.f), CKR_FUNCTION_NOT_SUPPORTED);
}

/* Each kind of call cut after every byte of its arguments, and with one byte too many: an error, never a crash. */
static void test_cut(void) {
        static const struct {
                uint32_t call;
                const char *signature, *arguments;
        } rows[] = {
                { 1, "ayyay", "01 00000002 6162 00 01 00000001 00" },
                { 4, "yfu", "01 00000004" },
                { 5, "u", "0000000000000001" },
                { 7, "ufu", "0000000000000001 00000004" },
                { 8, "uu", "0000000000000001 0000000000000001" },
                { 10, "uu", "0000000000000001 0000000000000004" },
                { 18, "uuay", "0000000000000001 0000000000000001 01 00000001 31" },
                { 24, "uufA", "0000000000000001 0000000000000001 00000002 00000003 00000010 40000211 00000000" },
                { 26, "uaA", "0000000000000001 00000002 00000001 01 00000001 01 00000003 01 00000001 00000001 61" },
                { 27, "ufu", "0000000000000001 00000010" },
                { 42, "uMu", "0000000000000001 0000000d 01 0000000000000250 0000000000000002 0000000000000020 0000000000000002" },
                { 43, "uayfy", "0000000000000001 01 00000001 61 00000100" },
                { 44, "uay", "0000000000000001 01 00000001 61" },
                { 45, "ufy", "0000000000000001 00000100" },
        };
        _cleanup_client_ Client k = make_client(RSA_CHAIN, NULL);

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                _cleanup_bytes_ Bytes b = test_unhex(rows[i].arguments);
                for (size_t n = 0; n <= b.size + 1; n++) {
                        begin(&k, rows[i].call, rows[i].signature);
                        write_bytes(&k.f.w, b.data, MIN_OF(n, b.size));
                        if (n > b.size)
                                write_u8(&k.f.w, 0);
                        ByteView frame = frame_end(&k.f);
                        _cleanup_free_ uint8_t *copy = malloc(frame.size);
                        check(copy);
                        memcpy(copy, frame.data, frame.size);
                        _cleanup_reply_ Reply r = ask_at(k.c, VIEW(copy, frame.size), NOW);
                        if (n != b.size && rows[i].call != 42)
                                check_int(r.rv, CKR_ARGUMENTS_BAD);
                        else
                                check(r.rv != CKR_OK || rows[i].call < 24);
                }
        }
}

static void test_no_call(void) {
        _cleanup_client_ Client k = make_client(RSA_CHAIN, NULL);
        Pkcs11Answer answer = (Pkcs11Answer) 9;
        Bytes none = BYTES_NULL;
        TokenOperation o;

        begin_session(&k, 13, "u");
        ByteView frame = frame_end(&k.f);
        for (size_t n = 0; n < frame.size; n++)
                check_int(pkcs11_connection_handle(k.c, VIEW(frame.data, n), NOW, &answer, &none, &o), -EBADMSG);
        check_int(answer, 9);
        check(!none.data);
        check_int(session_call(&k, 13, "u", ""), CKR_OK);
}

int main(void) {
        test_initialize();
        test_slot();
        test_empty();
        test_mechanisms();
        test_sessions();
        test_restart();
        test_find();
        test_attributes();
        test_much();
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
        test_removed();
        test_refused();
        test_cut();
        test_no_call();
        return EXIT_SUCCESS;
}
