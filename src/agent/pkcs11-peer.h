/* SPDX-License-Identifier: MIT */
#pragma once

/* One client of the p11-kit socket: its bytes in and out, one frame and one operation at a time. It is read no
 * further while an operation is under way or a reply has not been taken, so that it can keep nobody but itself
 * waiting. */
#include <systemd/sd-event.h>

#include "agent/signer.h"
#include "protocol/pkcs11-session.h"

typedef struct Pkcs11Peer Pkcs11Peer;

typedef struct Pkcs11PeerContext {
        sd_event *event;
        Pkcs11Token *token;
        Signer *signer;
        void (*gone)(Pkcs11Peer *p, void *userdata); /* from the loop, at last; frees p */
        void *userdata;
} Pkcs11PeerContext;

/* fd: connected, non-blocking; taken in any case. uid: whose turn operations take. greeted: the version byte was
 * answered by a process before us. */
int pkcs11_peer_new(const Pkcs11PeerContext *context, int fd, uid_t uid, bool greeted, Pkcs11Peer **ret);
Pkcs11Peer *pkcs11_peer_free(Pkcs11Peer *p); /* closes; an operation under way finds nobody */
DEFINE_TRIVIAL_CLEANUP_FUNC(Pkcs11Peer *, pkcs11_peer_free);

/* Whether this client sees the token; not in the beginning. */
void pkcs11_peer_show(Pkcs11Peer *p, bool shown);

/* Ends an operation under way with an error. True: nothing is half read or half written, so that another process
 * may go on with the descriptor. */
bool pkcs11_peer_settle(Pkcs11Peer *p);
bool pkcs11_peer_greeted(const Pkcs11Peer *p); /* its version byte was answered */
int pkcs11_peer_fd(const Pkcs11Peer *p);
