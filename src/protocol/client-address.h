/* SPDX-License-Identifier: MIT */
#pragma once

/* Who asks, when reverse proxies stand between: TrustedProxies=, X-Forwarded-For, Forwarded (RFC 7239). */
#include "shared/bytes.h"

#define TRUSTED_PROXIES_MAX 32U
#define FORWARDED_HOPS_MAX 8U /* that are followed */

/* IPv4 as ::ffff:0:0/96. */
typedef struct NetAddress {
        uint8_t bytes[16];
} NetAddress;

typedef struct TrustedProxies {
        bool unix_sockets; /* whoever connects to one of ours in the file system */
        unsigned n;
        struct {
                NetAddress address;
                unsigned bits; /* of the 128 */
        } prefixes[TRUSTED_PROXIES_MAX];
} TrustedProxies;

/* Only the one that the proxies set: the client chooses the others. */
typedef enum ForwardedHeader {
        FORWARDED_BY_X = 0, /* X-Forwarded-For */
        FORWARDED_BY_RFC,   /* Forwarded */
} ForwardedHeader;

/* "192.0.2.1", "2001:db8::1": nothing around it, no zone. -EINVAL. */
int net_address_parse(ByteView text, NetAddress *ret);
/* The same in brackets or not, with a port or not: "192.0.2.1:80", "[2001:db8::1]:80". */
int net_address_parse_node(ByteView node, NetAddress *ret);
NetAddress net_address_from_ipv4(const uint8_t bytes[static 4]);
/* The four bytes of an IPv4 address, else NULL. Points into a. */
const uint8_t *net_address_ipv4(const NetAddress *a);

bool net_address_is_loopback(const NetAddress *a);
/* The bytes that stand for whoever controls it: IPv4 all, IPv6 the /64. Points into a. */
ByteView net_address_source(const NetAddress *a);

/* Adds addresses, prefixes ("10.0.0.0/8") and "unix", with spaces or commas between them; bits beyond a prefix must
 * be 0. -EINVAL, -E2BIG. */
int trusted_proxies_add(TrustedProxies *p, const char *value);
bool trusted_proxies_have(const TrustedProxies *p, const NetAddress *a);
int forwarded_header_parse(const char *value, ForwardedHeader *ret);
const char *forwarded_header_name(ForwardedHeader h);

/* One hop further: takes the last element off what the header says (*value, all of its lines with commas between).
 * -EBADMSG when it tells no address, -ENOENT when nothing is left. */
int forwarded_take_last(ForwardedHeader h, ByteView *value, NetAddress *ret);
/* The last hop that is no trusted proxy; the farthest known one when all are, or when the next one is not told. false:
 * not even the first is told. To be asked only for a connection from a trusted proxy. */
bool client_address_find(const TrustedProxies *p, ForwardedHeader h, ByteView value, NetAddress *ret);
