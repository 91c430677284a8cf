/* SPDX-License-Identifier: MIT */
#pragma once

/* Flattened JWS (RFC 7515 §7.2.2) as ACME uses it (RFC 8555 §6.2): ES256 with a P-256 account key, HS256 for
 * external account binding (§7.3.4); JWK (RFC 7517) and its thumbprint (RFC 7638). */
#include <gnutls/abstract.h>

#include "protocol/public-key.h"

#define JWS_ES256_SIZE 64U        /* r || s, RFC 7518 §3.4 */
#define JWS_PAYLOAD_MAX (128U * 1024)
#define JWS_HEADER_TEXT_MAX 1024U /* nonce, URL or key identifier */

/* What the protected header says beside alg. */
typedef struct JwsHeader {
        const char *url;
        const char *nonce;        /* NULL: none (only external account binding) */
        const char *kid;          /* account URL; NULL: the key itself goes in as jwk */
} JwsHeader;

/* The steps one by one: prepare, sign jws_signing_input() elsewhere, assemble. */
typedef struct Jws {
        char *protected, *payload; /* base64url */
} Jws;

void jws_done(Jws *j);
#define _cleanup_jws_ _cleanup_(jws_done)

/* jwk: canonical text of the key, when kid is NULL. An empty payload is a POST-as-GET. */
int jws_prepare(const char *alg, const JwsHeader *header, const char *jwk, ByteView payload, Jws *ret);
int jws_signing_input(const Jws *j, char **ret);
int jws_assemble(const Jws *j, ByteView signature, Bytes *ret_body);

/* All of it with an EC P-256 key. -ENOTSUP: another key. -EIO: signing failed. */
int jws_sign(gnutls_privkey_t key, const JwsHeader *header, ByteView payload, Bytes *ret_body);

/* externalAccountBinding of newAccount: HS256 over the account's jwk. url: newAccount's. */
int jws_external_account_binding(ByteView mac_key, const char *kid, const char *url, const char *jwk,
                                 Bytes *ret_json);

/* The public half of a P-256 private key. -ENOTSUP: another key. */
int jws_public_key(gnutls_privkey_t key, PublicKey *ret);
/* {"crv":"P-256","kty":"EC","x":"…","y":"…"}: the members in the order that RFC 7638 hashes. */
int jws_jwk(const PublicKey *key, char **ret);
int jws_thumbprint(const PublicKey *key, char **ret); /* base64url of SHA-256 */
int jws_key_authorization(const char *token, const PublicKey *key, char **ret);        /* RFC 8555 §8.1 */

/* SEQUENCE { r, s } of a 2 * size bytes wide signature. -EBADMSG. */
int ecdsa_signature_to_raw(ByteView der, size_t size, Bytes *ret);
int ecdsa_signature_from_raw(ByteView raw, Bytes *ret_der);
