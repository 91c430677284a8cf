/* SPDX-License-Identifier: MIT */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>

#include "http/address.h"

#define MAPPED_PREFIX_SIZE 12U /* ::ffff:0:0/96, RFC 4291, section 2.5.5.2 */
#define IPV6_SOURCE_SIZE 8U

static const struct sockaddr_in *in4(const struct sockaddr *sa) {
        return (const struct sockaddr_in *) (const void *) sa;
}

static const struct sockaddr_in6 *in6(const struct sockaddr *sa) {
        return (const struct sockaddr_in6 *) (const void *) sa;
}

/* The four bytes of an IPv4 address, mapped or not; NULL if it is none. */
static const uint8_t *ipv4_bytes(const struct sockaddr *sa) {
        if (sa->sa_family == AF_INET)
                return (const uint8_t *) &in4(sa)->sin_addr;
        if (sa->sa_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&in6(sa)->sin6_addr))
                return in6(sa)->sin6_addr.s6_addr + MAPPED_PREFIX_SIZE;
        return NULL;
}

static int parse_port(const char *text, uint16_t *ret) {
        unsigned long port = 0;

        if (!*text)
                return -EINVAL;
        for (; *text; text++) {
                if (*text < '0' || *text > '9')
                        return -EINVAL;
                port = port * 10 + (unsigned long) (*text - '0');
                if (port > UINT16_MAX)
                        return -EINVAL;
        }
        *ret = (uint16_t) port;
        return 0;
}

int address_parse(const char *text, struct sockaddr_storage *ret, socklen_t *ret_size) {
        struct sockaddr_in6 six = { .sin6_family = AF_INET6 };
        struct sockaddr_in four = { .sin_family = AF_INET };
        const char *colon = strrchr(text, ':');
        char host[ADDRESS_TEXT_MAX];
        uint16_t port;

        if (!colon || (size_t) (colon - text) >= sizeof(host) || parse_port(colon + 1, &port) < 0)
                return -EINVAL;
        size_t n = (size_t) (colon - text);
        memcpy(host, text, n);
        host[n] = 0;

        if (n > 2 && host[0] == '[' && host[n - 1] == ']') {
                host[n - 1] = 0;
                if (inet_pton(AF_INET6, host + 1, &six.sin6_addr) != 1)
                        return -EINVAL;
                six.sin6_port = htons(port);
                memset(ret, 0, sizeof(*ret));
                memcpy(ret, &six, sizeof(six));
                *ret_size = sizeof(six);
                return 0;
        }
        if (inet_pton(AF_INET, host, &four.sin_addr) != 1)
                return -EINVAL;
        four.sin_port = htons(port);
        memset(ret, 0, sizeof(*ret));
        memcpy(ret, &four, sizeof(four));
        *ret_size = sizeof(four);
        return 0;
}

bool address_to_net(const struct sockaddr *sa, NetAddress *ret) {
        const uint8_t *four = ipv4_bytes(sa);

        if (four)
                *ret = net_address_from_ipv4(four);
        else if (sa->sa_family == AF_INET6)
                memcpy(ret->bytes, &in6(sa)->sin6_addr, sizeof(ret->bytes));
        else
                return false;
        return true;
}

void address_format_net(const NetAddress *a, char ret[static ADDRESS_TEXT_MAX]) {
        const uint8_t *four = net_address_ipv4(a);

        if (!inet_ntop(four ? AF_INET : AF_INET6, four ? four : a->bytes, ret, ADDRESS_TEXT_MAX))
                (void) snprintf(ret, ADDRESS_TEXT_MAX, "unknown");
}

void address_format(const struct sockaddr *sa, char ret[static ADDRESS_TEXT_MAX]) {
        NetAddress a;

        if (!address_to_net(sa, &a)) {
                (void) snprintf(ret, ADDRESS_TEXT_MAX, "%s", sa->sa_family == AF_UNIX ? "unix" : "unknown");
                return;
        }
        uint16_t port = ntohs(sa->sa_family == AF_INET ? in4(sa)->sin_port : in6(sa)->sin6_port);
        char host[ADDRESS_TEXT_MAX];
        address_format_net(&a, host);
        if (port == 0)
                memcpy(ret, host, sizeof(host));
        else if (net_address_ipv4(&a))
                (void) snprintf(ret, ADDRESS_TEXT_MAX, "%.*s:%u", INET_ADDRSTRLEN, host, port);
        else
                (void) snprintf(ret, ADDRESS_TEXT_MAX, "[%.*s]:%u", INET6_ADDRSTRLEN, host, port);
}

bool address_is_local(const struct sockaddr *sa) {
        const uint8_t *four = ipv4_bytes(sa);

        if (four)
                return four[0] == 127;
        return sa->sa_family == AF_UNIX || (sa->sa_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&in6(sa)->sin6_addr));
}

ByteView address_source(const struct sockaddr *sa) {
        const uint8_t *four = ipv4_bytes(sa);

        if (four)
                return VIEW(four, sizeof(struct in_addr));
        if (sa->sa_family == AF_INET6)
                return VIEW(in6(sa)->sin6_addr.s6_addr, IPV6_SOURCE_SIZE);
        return VIEW_NULL;
}
