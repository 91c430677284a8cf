/* SPDX-License-Identifier: MIT */
#include <netinet/in.h>
#include <netinet/tcp.h>

#include "http/address.h"
#include "http/connection.h"

#define USEC_PER_SEC 1000000ULL

static bool is_proxy(const HttpLimits *limits, const struct sockaddr *sa) {
        NetAddress a;

        if (sa->sa_family == AF_UNIX)
                return limits->proxies.unix_sockets;
        return address_to_net(sa, &a) && trusted_proxies_have(&limits->proxies, &a);
}

bool connections_may_come(const Connections *all, const HttpLimits *limits, const struct sockaddr *sa) {
        unsigned n = 0;

        if (address_is_local(sa) || is_proxy(limits, sa))
                return true;
        for (const Connection *c = all->first; c; c = c->next) {
                const struct sockaddr *other = (const struct sockaddr *) &c->address;
                if (view_equal(address_source(sa), address_source(other)))
                        n++;
        }
        return n < limits->per_source;
}

static void find_peer(Connection *c, struct MHD_Connection *mhd) {
        const union MHD_ConnectionInfo *info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS);

        if (info && info->client_addr) {
                const struct sockaddr *sa = info->client_addr;
                size_t size = sa->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
                if (sa->sa_family == AF_INET || sa->sa_family == AF_INET6)
                        memcpy(&c->address, sa, size);
                else
                        c->address.ss_family = sa->sa_family;
        }
        const struct sockaddr *sa = (const struct sockaddr *) &c->address;
        address_format(sa, c->peer);
        (void) address_to_net(sa, &c->client);
        c->proxy = is_proxy(http_server_limits(c->server), sa);
}

int connection_new(Connections *all, HttpServer *s, Listener *l, struct MHD_Connection *mhd, uint64_t now,
                   Connection **ret) {
        const union MHD_ConnectionInfo *info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
        Connection *c = calloc(1, sizeof(*c));

        if (!c)
                return -ENOMEM;
        *c = (Connection) {
                .request.mhd = mhd,
                .server = s,
                .listener = l,
                .fd = info ? info->connect_fd : -EBADF,
                .deadline = now + (uint64_t) http_server_limits(s)->handshake_sec * USEC_PER_SEC,
                .next = all->first,
        };
        find_peer(c, mhd);
        /* A handshake is several small writes: with Nagle's algorithm each would wait for the peer's delayed ACK. */
        if (c->address.ss_family == AF_INET || c->address.ss_family == AF_INET6)
                (void) setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &(int) { 1 }, sizeof(int));
        if (all->first)
                all->first->previous = c;
        all->first = c;
        all->n++;
        all->ever++;
        *ret = c;
        return 0;
}

Connection *connection_free(Connections *all, Connection *c) {
        if (!c)
                return NULL;
        *(c->previous ? &c->previous->next : &all->first) = c->next;
        if (c->next)
                c->next->previous = c->previous;
        all->n--;
        bytes_erase(&c->request.body);
        if (c->request.response)
                MHD_destroy_response(c->request.response);
        free(c);
        return NULL;
}

/* A suspended request is left alone: its answer has a deadline of its own, and comes. */
void connections_enforce_deadlines(Connections *all, uint64_t now) {
        for (Connection *c = all->first; c; c = c->next)
                if (now >= c->deadline && !c->request.suspended)
                        (void) shutdown(c->fd, SHUT_RDWR);
}
