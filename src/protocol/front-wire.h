/* SPDX-License-Identifier: MIT */
#pragma once

/* The messages between attezt-http (the front) and atteztd over a SOCK_SEQPACKET socket: one fixed layout per
 * type, big-endian, one message per packet. Decoding refuses another version, another size, unknown values,
 * texts without NUL or with bytes after it, and keys that public_key_valid() refuses: -EBADMSG, and whoever
 * gets that closes the connection. */
#include "protocol/device-names.h"
#include "protocol/make-credential.h"
#include "protocol/pending-secrets.h"

#define FRONT_WIRE_VERSION 1U
#define FRONT_MESSAGE_MAX 8192U       /* bytes of any message */
#define FRONT_PEER_MAX 64U            /* text of an address, with NUL */
#define FRONT_CERTIFICATE_MAX 2048U   /* DER bytes */
#define FRONT_CHAIN_MAX 2U            /* AK certificate, intermediate */

typedef enum FrontMessageType {
        FRONT_ATTEST = 1,        /* front → atteztd */
        FRONT_SECRET = 2,        /* front → atteztd */
        FRONT_ATTEST_REPLY = 3,  /* atteztd → front */
        FRONT_SECRET_REPLY = 4,  /* atteztd → front */
        FRONT_CHANGED = 5,       /* atteztd → front, id 0: read public files and trust store again */
        FRONT_NAME = 6,          /* front → atteztd: is this the name of a live entry? */
        FRONT_NAME_REPLY = 7,    /* atteztd → front: FRONT_OK it is, FRONT_DENIED it is not */
} FrontMessageType;

typedef enum FrontStatus {
        FRONT_OK = 0,
        FRONT_BUSY = 1,          /* 503: too many pending */
        FRONT_DENIED = 2,        /* 403: unknown secret, device not enrolled, no trusted EK certificate: one answer */
        FRONT_UNAVAILABLE = 3,   /* 503: no CA yet */
        FRONT_FAILED = 4,        /* 500 */
        FRONT_WAITING = 5,       /* 403: it has proved its EK, which is unknown: a person is asked */
        _FRONT_STATUS_MAX,
} FrontStatus;

typedef struct FrontAttest {
        PublicKey ek;
        PublicKey ak;
        EkEvidence evidence;
        TpmData tpm;
        char issuer[EK_ISSUER_TEXT_MAX];
        char peer[FRONT_PEER_MAX];
} FrontAttest;

typedef struct FrontSecret {
        uint8_t secret[PENDING_SECRET_SIZE];
        char peer[FRONT_PEER_MAX];
} FrontSecret;

typedef struct FrontAttestReply {
        FrontStatus status;
        Credential credential; /* FRONT_OK */
} FrontAttestReply;

typedef struct FrontSecretReply {
        FrontStatus status;
        uint8_t ek_hash[32];   /* FRONT_OK, FRONT_WAITING: who has proved itself */
        unsigned n_chain;      /* FRONT_OK: leaf first */
        struct {
                uint16_t size;
                uint8_t der[FRONT_CERTIFICATE_MAX];
        } chain[FRONT_CHAIN_MAX];
} FrontSecretReply;

typedef struct FrontName {
        char name[DEVICE_NAME_MAX + 1]; /* not empty; whatever somebody ordered */
        char peer[FRONT_PEER_MAX];
} FrontName;

typedef struct FrontNameReply {
        FrontStatus status;
} FrontNameReply;

typedef struct FrontMessage {
        FrontMessageType type;
        uint64_t id;           /* the front's; a reply carries its request's */
        union {
                FrontAttest attest;
                FrontSecret secret;
                FrontAttestReply attest_reply;
                FrontSecretReply secret_reply;
                FrontName name;
                FrontNameReply name_reply;
        };
} FrontMessage;

/* Does a reply to a secret with that status say who has proved itself? */
bool front_status_is_proof(FrontStatus s);
/* Returns the size, or -E2BIG. */
int front_message_encode(const FrontMessage *m, uint8_t ret[static FRONT_MESSAGE_MAX]);
int front_message_decode(ByteView packet, FrontMessage *ret);
