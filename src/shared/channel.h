/* SPDX-License-Identifier: MIT */
#pragma once

/* The other end of helper.h: where a helper program is spoken to. */
#include "shared/bytes.h"

/* fd: a connection (the spawner's socket, or one that systemd accepted), or a socket of systemd's that listens, with
 * a connection waiting. The descriptor of the connection; it waits for a message no longer than wait_seconds.
 * -EPROTOTYPE: not of SOCK_SEQPACKET. */
int channel_open(int fd, unsigned wait_seconds);
/* One message of up to max bytes; returns its size. -ETIMEDOUT, -EINTR, -EBADMSG (longer), -ECONNRESET (the end). */
int channel_receive(int fd, size_t max, uint8_t *ret);
