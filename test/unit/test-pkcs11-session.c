/* SPDX-License-Identifier: MIT */
#include "pkcs11-client.h"

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

/* --- The token goes --- */

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

/* For this client alone. */
static void test_hidden(void) {
        _cleanup_client_ Client k = make_client(RSA_CHAIN, NULL);

        check_int(sign_init(&k, 42, RSA_KEY, "00000040"), CKR_OK);
        pkcs11_connection_show(k.c, false);
        check_empty(&k);
        check_int(session_call(&k, 13, "u", ""), CKR_SESSION_HANDLE_INVALID);
        begin_data(&k, 43, VIEW_STR("abc"), 256);
        check_int(ask_rv(k.c, &k.f), CKR_DEVICE_REMOVED);
        check_int(sign_init(&k, 42, RSA_KEY, "00000040"), CKR_DEVICE_REMOVED);
        begin_get(&k, RSA_KEY, "00000001 00000000 00000008");
        check_int(ask_rv(k.c, &k.f), CKR_DEVICE_REMOVED);
        pkcs11_connection_show(k.c, true);
        check_int(session_call(&k, 13, "u", ""), CKR_OK);
        check_int(slot_flags(&k), 7);
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
                { 42, "uMu", "0000000000000001"
                             "0000000d 01 0000000000000250 0000000000000002 0000000000000020 0000000000000002" },
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
        test_removed();
        test_hidden();
        test_refused();
        test_cut();
        test_no_call();
        return EXIT_SUCCESS;
}
