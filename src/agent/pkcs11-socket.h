/* SPDX-License-Identifier: MIT */
#pragma once

/* The p11-kit socket: who connects, how many, and what becomes of them over a restart. Every program on the machine
 * that uses p11-kit is a client: what it accepts it answers at once. */
#include "agent/pkcs11-peer.h"
#include "agent/token-access.h"

#define PKCS11_CONNECTIONS_MAX 256U     /* in all; FileDescriptorStoreMax= of the unit */
#define PKCS11_CONNECTIONS_UID_MAX 48U  /* of one user */
#define PKCS11_STRANGERS_MAX 64U        /* of all who do not see the token */
#define PKCS11_MEMBERS_MAX 96U          /* of all who see it by a group alone; 0.3 s of a TPM each are less than 30 s */
#define PKCS11_STORE_NAME "p11conn"     /* FDNAME= in the service manager's descriptor store */
#define PKCS11_STORE_NAME_NEW "p11new"  /* the same, of connections without a version byte yet */

typedef struct Pkcs11Socket Pkcs11Socket;

/* token, signer and access outlive it. */
int pkcs11_socket_new(sd_event *event, Pkcs11Token *token, Signer *signer, const TokenAccess *access,
                      Pkcs11Socket **ret);
Pkcs11Socket *pkcs11_socket_free(Pkcs11Socket *s); /* closes all; removes the file it made */
DEFINE_TRIVIAL_CLEANUP_FUNC(Pkcs11Socket *, pkcs11_socket_free);

/* What the service manager passed: listening sockets, and connections from the descriptor store. Returns how many
 * listening sockets there were. */
int pkcs11_socket_take_fds(Pkcs11Socket *s);
/* Makes the socket, mode 0666, in place of one that nobody listens on. -EADDRINUSE: somebody does. */
int pkcs11_socket_make(Pkcs11Socket *s, const char *path);

bool pkcs11_socket_in_use(const Pkcs11Socket *s); /* somebody is connected */

typedef struct Pkcs11SocketCounts {
        unsigned open;
        uint64_t refused; /* since the start */
} Pkcs11SocketCounts;

Pkcs11SocketCounts pkcs11_socket_counts(const Pkcs11Socket *s);

/* Who may see the token may have changed: settings, sessions. */
void pkcs11_socket_look_again(Pkcs11Socket *s);

/* At the end of the process: gives the connections to the service manager, if it keeps descriptors. */
void pkcs11_socket_store(Pkcs11Socket *s);
