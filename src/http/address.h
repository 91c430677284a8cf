/* SPDX-License-Identifier: MIT */
#pragma once

/* Socket addresses: as text, and where they reach. */
#include <sys/socket.h>

#include "protocol/client-address.h"

#define ADDRESS_TEXT_MAX 64U /* with NUL */

/* "192.0.2.1:80", "[2001:db8::1]:80"; port 0 is allowed. No names. -EINVAL. */
int address_parse(const char *text, struct sockaddr_storage *ret, socklen_t *ret_size);
/* The same back, without a port 0; an IPv4 address mapped into IPv6 shows as IPv4; "unix". */
void address_format(const struct sockaddr *sa, char ret[static ADDRESS_TEXT_MAX]);
/* false: it is none of the network. */
bool address_to_net(const struct sockaddr *sa, NetAddress *ret);
void address_format_net(const NetAddress *a, char ret[static ADDRESS_TEXT_MAX]);
/* Loopback addresses and AF_UNIX: what goes there stays on this machine. */
bool address_is_local(const struct sockaddr *sa);
/* The bytes that stand for whoever controls the address: IPv4 all, IPv6 the /64. Points into sa. */
ByteView address_source(const struct sockaddr *sa);
