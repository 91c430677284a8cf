/* SPDX-License-Identifier: MIT */
#pragma once

/* What a client of the token has open, and what a call of its is while it is answered: pkcs11-session's, in parts. */
#include <openssl/evp.h>

#include "protocol/pkcs11-constants.h"
#include "protocol/pkcs11-mechanism.h"
#include "protocol/pkcs11-objects.h"

#define PKCS11_SLOT 1U

/* C_SignInit or C_DecryptInit until the end of it. */
typedef struct Pkcs11Active {
        bool active;
        bool updated;        /* C_SignUpdate was called */
        uint64_t key;        /* handle */
        Pkcs11Plan plan;
        EVP_MD_CTX *digest;  /* NULL: what is signed is taken as it is, and gathers in input */
        size_t input_size;
        uint8_t input[TOKEN_DATA_MAX];
} Pkcs11Active;

typedef struct Pkcs11Session {
        uint32_t id;
        bool read_write;
        uint8_t certificate[32]; /* the token's newest when it was opened, SHA-256 */
        bool searching;
        uint32_t found[PKCS11_OBJECTS_MAX];
        size_t n_found, n_told;
        Pkcs11Active sign, decrypt;
} Pkcs11Session;

typedef struct Pkcs11Connection {
        Pkcs11Token *token;
        bool shown;
        Pkcs11Session *sessions[PKCS11_SESSIONS_MAX];
        size_t n_sessions;
        uint32_t next_id; /* 0: none was opened yet */
        /* The operation that was handed out: */
        Pkcs11Active *pending;
        uint32_t pending_code, pending_call;
} Pkcs11Connection;

/* One call. Its function reads the arguments, writes the reply's, and returns CKR_OK; or another CKR_…, and what
 * it wrote is forgotten. */
typedef struct Pkcs11Call {
        Pkcs11Connection *connection;
        Pkcs11Reader in;
        Pkcs11Writer out;
        int64_t now;
        bool last;                 /* close after the reply */
        TokenOperation *operation; /* where to put one; connection->pending says that there is one */
} Pkcs11Call;

typedef uint32_t (*Pkcs11Function)(Pkcs11Call *c);

/* NULL: an empty slot. */
const Pkcs11Generation *pkcs11_connection_newest(const Pkcs11Connection *c);

/* CKR_OK, or why not. */
uint32_t pkcs11_session_open(Pkcs11Connection *c, bool read_write, int64_t now, uint32_t *ret_id);
Pkcs11Session *pkcs11_session_find(const Pkcs11Connection *c, uint64_t id); /* NULL: no such */
bool pkcs11_session_stale(const Pkcs11Connection *c, const Pkcs11Session *s);
void pkcs11_session_close(Pkcs11Connection *c, Pkcs11Session *s);
void pkcs11_session_close_all(Pkcs11Connection *c);

void pkcs11_active_end(Pkcs11Active *a); /* wipes */
