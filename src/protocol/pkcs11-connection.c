/* SPDX-License-Identifier: MIT */
#include "protocol/pkcs11-connection.h"

/* Numbers of sessions begin at a place that depends on the second in which a connection opens its first one, so
 * that a client that was there before a restart does not find its old numbers taken by new sessions of its own. */
#define SESSION_SECONDS 0x3fffffU    /* of now: 48 days */
#define SESSION_IDS_PER_SECOND 512U
#define SESSION_ID_MAX 0x7fffffffU

const Pkcs11Generation *pkcs11_connection_newest(const Pkcs11Connection *c) {
        return c->shown ? pkcs11_token_newest(c->token) : NULL;
}

void pkcs11_active_end(Pkcs11Active *a) {
        EVP_MD_CTX_free(a->digest);
        explicit_bzero(a, sizeof(*a));
}

Pkcs11Session *pkcs11_session_find(const Pkcs11Connection *c, uint64_t id) {
        for (size_t i = 0; i < c->n_sessions; i++)
                if (c->sessions[i]->id == id)
                        return c->sessions[i];
        return NULL;
}

static uint32_t take_id(Pkcs11Connection *c, int64_t now) {
        if (c->next_id == 0)
                c->next_id = (uint32_t) ((uint64_t) now & SESSION_SECONDS) * SESSION_IDS_PER_SECOND + 1;
        while (c->next_id > SESSION_ID_MAX || pkcs11_session_find(c, c->next_id))
                c->next_id = c->next_id >= SESSION_ID_MAX ? 1 : c->next_id + 1;
        return c->next_id++;
}

uint32_t pkcs11_session_open(Pkcs11Connection *c, bool read_write, int64_t now, uint32_t *ret_id) {
        const Pkcs11Generation *g = pkcs11_connection_newest(c);

        if (!g)
                return CKR_TOKEN_NOT_PRESENT;
        if (c->n_sessions == ELEMENTSOF(c->sessions))
                return CKR_SESSION_COUNT;

        Pkcs11Session *s = calloc(1, sizeof(*s));
        if (!s)
                return CKR_HOST_MEMORY;
        s->id = take_id(c, now);
        s->read_write = read_write;
        memcpy(s->certificate, pkcs11_generation_hash(g), sizeof(s->certificate));
        c->sessions[c->n_sessions++] = s;
        *ret_id = s->id;
        return CKR_OK;
}

bool pkcs11_session_stale(const Pkcs11Connection *c, const Pkcs11Session *s) {
        const Pkcs11Generation *g = pkcs11_connection_newest(c);

        return !g || memcmp(pkcs11_generation_hash(g), s->certificate, sizeof(s->certificate)) != 0;
}

static void free_session(Pkcs11Session *s) {
        pkcs11_active_end(&s->sign);
        pkcs11_active_end(&s->decrypt);
        free(s);
}

void pkcs11_session_close(Pkcs11Connection *c, Pkcs11Session *s) {
        for (size_t i = 0; i < c->n_sessions; i++)
                if (c->sessions[i] == s) {
                        c->sessions[i] = c->sessions[--c->n_sessions];
                        free_session(s);
                        return;
                }
}

void pkcs11_session_close_all(Pkcs11Connection *c) {
        while (c->n_sessions > 0)
                pkcs11_session_close(c, c->sessions[c->n_sessions - 1]);
}
