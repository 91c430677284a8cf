/* SPDX-License-Identifier: MIT */
#pragma once

/* What the tests of the PKCS#11 token are its client with: requests are put together here, replies taken apart. */
#include "protocol/pkcs11-constants.h"
#include "protocol/pkcs11-session.h"

#include "../data/pkcs11-certificates.h"
#include "test.h"

#define CODE 0x10U
#define NOW 1795600000 /* 2026-11-25, the test's certificates are a day old */
#define NULL_SIZE UINT32_MAX

typedef struct Frame {
        uint8_t data[PKCS11_FRAME_MAX + 1024];
        ByteWriter w;
} Frame;

static inline void frame_begin(Frame *f, uint32_t call, const char *signature) {
        f->w = WRITER(f->data, sizeof(f->data));
        write_u32(&f->w, CODE);
        write_u32(&f->w, 6);
        write_u32(&f->w, 0);
        write_bytes(&f->w, "client", 6);
        write_u32(&f->w, call);
        write_u32(&f->w, (uint32_t) strlen(signature));
        write_bytes(&f->w, signature, strlen(signature));
}

static inline ByteView frame_end(Frame *f) {
        ByteWriter size = WRITER(f->data + 8, 4);

        check(!f->w.failed);
        write_u32(&size, (uint32_t) (f->w.size - PKCS11_FRAME_HEADER - 6));
        return writer_view(&f->w);
}

static inline void put_data(Frame *f, ByteView v) {
        write_u8(&f->w, 1);
        write_u32(&f->w, (uint32_t) v.size);
        write_view(&f->w, v);
}

static inline void put_hex(Frame *f, const char *hex) {
        _cleanup_bytes_ Bytes b = test_unhex(hex);

        write_view(&f->w, bytes_view(&b));
}

/* What came back. */
typedef struct Reply {
        Bytes frame;
        uint32_t call;
        uint64_t rv; /* CKR_OK unless it is an error */
        ByteView signature;
        ByteReader r; /* the arguments */
} Reply;

static inline void reply_done(Reply *r) {
        bytes_done(&r->frame);
}
#define _cleanup_reply_ _cleanup_(reply_done)

static inline void reply_parse(Reply *r) {
        size_t size;

        r->r = READER(bytes_view(&r->frame));
        check(r->frame.size <= PKCS11_REPLY_MAX);
        check_int(read_u32(&r->r), CODE);
        check_int(read_u32(&r->r), 0);
        size = read_u32(&r->r);
        check_int(size, r->r.left);
        r->call = read_u32(&r->r);
        size = read_u32(&r->r);
        r->signature = read_view(&r->r, size);
        r->rv = CKR_OK;
        check(!r->r.failed);
        if (r->call == 0) {
                check(view_equal(r->signature, VIEW_STR("u")));
                r->rv = read_u64(&r->r);
                check(r->rv != CKR_OK && reader_done(&r->r));
        }
}

/* A reply at once, whatever it is. */
static inline Reply ask_at(Pkcs11Connection *c, ByteView frame, int64_t now) {
        TokenOperation o;
        Reply r = {};
        Pkcs11Answer answer = (Pkcs11Answer) 99;

        check_int(pkcs11_connection_handle(c, frame, now, &answer, &r.frame, &o), 0);
        check(answer == PKCS11_ANSWER_REPLY || answer == PKCS11_ANSWER_LAST);
        reply_parse(&r);
        return r;
}

static inline Reply ask(Pkcs11Connection *c, Frame *f) {
        return ask_at(c, frame_end(f), NOW);
}

/* The CKR_… of a call. */
static inline uint64_t ask_rv(Pkcs11Connection *c, Frame *f) {
        _cleanup_reply_ Reply r = ask(c, f);

        return r.rv;
}

static inline Pkcs11Generation *make_generation(uint64_t number, const char *pem) {
        Pkcs11Generation *g = NULL;

        check_int(pkcs11_generation_new(number, VIEW_STR(pem), &g), 0);
        return g;
}

/* Newest first; NULL ends. The token has the only references. */
static inline void set_token(Pkcs11Token *t, const char *newest, const char *older) {
        Pkcs11Generation *g[2] = {};
        size_t n = 0;

        if (newest)
                g[n++] = make_generation(2, newest);
        if (older)
                g[n++] = make_generation(1, older);
        check_int(pkcs11_token_set(t, g, n), 0);
        for (size_t i = 0; i < n; i++)
                pkcs11_generation_unref(g[i]);
}

/* --- A client with its token --- */

#define RSA_CHAIN TEST_PEM_RSA TEST_PEM_INTER
#define EC_CHAIN TEST_PEM_EC TEST_PEM_INTER
#define RSA_KEY 0x38a971f2U /* handles of private keys: of the certificates' SHA-256 */
#define EC_KEY 0x6c888d02U

static const char serial[16] = { "0123456789abcdef" };

typedef struct Client {
        Pkcs11Token *token;
        Pkcs11Connection *c;
        uint64_t session;
        Frame f;
} Client;

static inline void client_done(Client *k) {
        pkcs11_connection_free(k->c);
        pkcs11_token_free(k->token);
}
#define _cleanup_client_ _cleanup_(client_done)

static inline void begin(Client *k, uint32_t call, const char *signature) {
        frame_begin(&k->f, call, signature);
}

/* With the session, which most of them begin with. */
static inline void begin_session(Client *k, uint32_t call, const char *signature) {
        begin(k, call, signature);
        write_u64(&k->f.w, k->session);
}

static inline uint64_t open_session(Client *k) {
        begin(k, 10, "uu");
        write_u64(&k->f.w, 1);
        write_u64(&k->f.w, CKF_SERIAL_SESSION | CKF_RW_SESSION);
        _cleanup_reply_ Reply r = ask(k->c, &k->f);
        check_int(r.call, 10);
        uint64_t id = read_u64(&r.r);
        check(reader_done(&r.r) && id != 0 && id <= INT32_MAX);
        return id;
}

static inline Client make_client(const char *newest, const char *older) {
        Client k = {};

        check_int(pkcs11_token_new(serial, &k.token), 0);
        set_token(k.token, newest, older);
        check_int(pkcs11_connection_new(k.token, true, &k.c), 0);
        if (newest)
                k.session = open_session(&k);
        return k;
}

static inline void check_reply(Client *k, const char *hex) {
        _cleanup_reply_ Reply r = ask(k->c, &k->f);

        check_int(r.rv, CKR_OK);
        check_hex(VIEW(r.r.at, r.r.left), hex);
}

static inline uint64_t slot_call(Client *k, uint32_t call, const char *signature, const char *hex) {
        begin(k, call, signature);
        put_hex(&k->f, hex);
        return ask_rv(k->c, &k->f);
}

static inline uint64_t session_call(Client *k, uint32_t call, const char *signature, const char *hex) {
        begin_session(k, call, signature);
        put_hex(&k->f, hex);
        return ask_rv(k->c, &k->f);
}

static inline void begin_get(Client *k, uint64_t handle, const char *hex) {
        begin_session(k, 24, "uufA");
        write_u64(&k->f.w, handle);
        put_hex(&k->f, hex);
}

static inline uint64_t sign_init(Client *k, uint32_t call, uint64_t key, const char *mechanism) {
        begin_session(k, call, "uMu");
        put_hex(&k->f, mechanism);
        write_u64(&k->f.w, key);
        return ask_rv(k->c, &k->f);
}

static inline void begin_data(Client *k, uint32_t call, ByteView data, uint32_t room) {
        begin_session(k, call, "uayfy");
        put_data(&k->f, data);
        write_u32(&k->f.w, room);
}
