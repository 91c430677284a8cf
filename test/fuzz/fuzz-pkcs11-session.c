/* SPDX-License-Identifier: MIT */
/* A script of what may happen to a connection. Steps begin with an octet:
 *      0 to 0xef  the low byte of a frame's size; its high byte and the frame follow. What becomes an operation is
 *                 answered: an octet is the status, the next one the size's low byte, the one after it its high byte
 *      0xf0 on    the token changes: which generations there are is in the low bits; 0xff: a day passes
 * Whatever comes, a reply is a frame within the limit, and an operation one that the signer will take. */
#include "fuzz.h"
#include "../data/pkcs11-certificates.h"
#include "protocol/pkcs11-constants.h"
#include "protocol/pkcs11-session.h"

#define GENERATIONS 4U
#define DAY 86400
#define NOW 1795600000 /* 2026-11-25: the one certificate that ends soon is good for two hours yet */

typedef struct Script {
        Pkcs11Generation *const *generations;
        Pkcs11Token *token;
        Pkcs11Connection *c;
        ByteReader r;
        int64_t now;
} Script;

/* They are the same in each run: made once. */
static Pkcs11Generation *const *generations(void) {
        static const char *const chains[GENERATIONS] = {
                TEST_PEM_RSA TEST_PEM_INTER, TEST_PEM_EC TEST_PEM_INTER TEST_PEM_ED, TEST_PEM_RSAOLD, TEST_PEM_EC384,
        };
        static Pkcs11Generation *all[GENERATIONS];

        for (size_t i = 0; i < GENERATIONS && !all[i]; i++)
                if (pkcs11_generation_new(i + 1, VIEW_STR(chains[i]), &all[i]) < 0)
                        abort();
        return all;
}

static void change_token(Script *s, uint8_t step) {
        Pkcs11Generation *list[GENERATIONS];
        size_t n = 0;

        if (step == 0xff) {
                s->now += DAY;
                return;
        }
        for (size_t i = 0; i < GENERATIONS; i++)
                if (step >> i & 1)
                        list[n++] = s->generations[i];
        if (pkcs11_token_set(s->token, list, n) < 0)
                fuzz_broken();
}

static void check_reply(const Bytes *reply) {
        ByteReader r = READER(bytes_view(reply));

        (void) read_u32(&r);
        if (reply->size > PKCS11_REPLY_MAX || read_u32(&r) != 0 || read_u32(&r) != reply->size - PKCS11_FRAME_HEADER)
                abort();
}

static void check_operation(const TokenOperation *o) {
        bool pss = o->kind == TOKEN_SIGN_RSA_PSS, oaep = o->kind == TOKEN_DECRYPT_RSA_OAEP;

        if (o->kind < TOKEN_SIGN_RSA_PKCS1 || o->kind >= _TOKEN_OPERATION_MAX || o->data_size > TOKEN_DATA_MAX ||
            o->label_size > TOKEN_LABEL_MAX || o->generation == 0 || o->generation > GENERATIONS)
                abort();
        if ((pss || oaep) != (o->hash != TOKEN_HASH_NONE) || (pss || oaep) != (o->mgf != TOKEN_HASH_NONE) ||
            (!pss && o->salt_size > 0) || (!oaep && o->label_size > 0) ||
            (pss && o->data_size != token_hash_size(o->hash)))
                abort();
        for (size_t i = o->data_size; i < TOKEN_DATA_MAX; i++)
                if (o->data[i] != 0)
                        abort();
        for (size_t i = o->label_size; i < TOKEN_LABEL_MAX; i++)
                if (o->label[i] != 0)
                        abort();
}

static void answer_operation(Script *s, const TokenOperation *o) {
        _cleanup_bytes_ Bytes reply = BYTES_NULL;
        TokenResult result = { .status = (TokenStatus) (read_u8(&s->r) % (_TOKEN_STATUS_MAX + 1)) };

        check_operation(o);
        result.size = read_u8(&s->r);
        result.size |= (uint16_t) (read_u8(&s->r) << 8);
        if (pkcs11_connection_complete(s->c, &result, &reply) < 0) {
                fuzz_broken();
                return;
        }
        check_reply(&reply);
}

static bool send_frame(Script *s, uint8_t low) {
        _cleanup_bytes_ Bytes reply = BYTES_NULL;
        size_t size = (size_t) read_u8(&s->r) << 8 | low;
        ByteView frame = read_view(&s->r, MIN_OF(size, s->r.left));
        _cleanup_bytes_ Bytes copy = BYTES_NULL; /* so that the sanitizer sees what is read beyond it */
        Pkcs11Answer answer;
        TokenOperation o;

        if (bytes_copy(frame, &copy) < 0)
                return fuzz_broken();
        int r = pkcs11_connection_handle(s->c, bytes_view(&copy), s->now, &answer, &reply, &o);
        if (r < 0) {
                if (reply.data)
                        abort();
                return false;
        }
        if (answer == PKCS11_ANSWER_OPERATION)
                answer_operation(s, &o);
        else
                check_reply(&reply);
        return answer != PKCS11_ANSWER_LAST;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_(pkcs11_token_freep) Pkcs11Token *token = NULL;
        _cleanup_(pkcs11_connection_freep) Pkcs11Connection *c = NULL;
        static const char serial[16] = { "0123456789abcdef" };
        Script s = { .generations = generations(), .r = READER(VIEW(data, size)), .now = NOW };

        if (pkcs11_token_new(serial, &token) < 0 || pkcs11_connection_new(token, true, &c) < 0)
                return fuzz_broken();
        s.token = token;
        s.c = c;
        change_token(&s, 0xf1);
        while (s.r.left > 0) {
                uint8_t step = read_u8(&s.r);
                if (step >= 0xf0)
                        change_token(&s, step);
                else if (!send_frame(&s, step))
                        break;
        }
        return 0;
}
