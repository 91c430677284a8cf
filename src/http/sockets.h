/* SPDX-License-Identifier: MIT */
#pragma once

/* Where the front listens: sockets that systemd passes, else addresses of the settings. */
#include "http/http-settings.h"

#define LISTEN_SOCKETS_MAX 32U

typedef struct ListenSocket {
        int fd;
        bool tls;
} ListenSocket;

typedef struct ListenSockets {
        ListenSocket sockets[LISTEN_SOCKETS_MAX];
        unsigned n;
        unsigned n_passed; /* of these, by systemd */
} ListenSockets;

/* Closes what has not been taken (fd set to -EBADF). */
void listen_sockets_done(ListenSockets *l);

/* Tells what is wrong. -EPERM: plain HTTP on an address that others reach. */
int listen_sockets_open(const HttpSettings *s, ListenSockets *ret);
/* "Listening on http://127.0.0.1:8080": with the real port. */
void listen_sockets_tell(const ListenSockets *l);
