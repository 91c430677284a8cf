/* SPDX-License-Identifier: MIT */
#include "protocol/client-address.h"

#include <arpa/inet.h>
#include <strings.h>

#define SPACE " \t,"
#define NODE_MAX 64U /* text of an address with brackets and port, with NUL */
#define MAPPED_BITS 96U
#define IPV6_SOURCE_SIZE 8U

static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

NetAddress net_address_from_ipv4(const uint8_t bytes[static 4]) {
        NetAddress a = {};

        memcpy(a.bytes, mapped, sizeof(mapped));
        memcpy(a.bytes + sizeof(mapped), bytes, 4);
        return a;
}

const uint8_t *net_address_ipv4(const NetAddress *a) {
        return memcmp(a->bytes, mapped, sizeof(mapped)) == 0 ? a->bytes + sizeof(mapped) : NULL;
}

int net_address_parse(ByteView text, NetAddress *ret) {
        char copy[NODE_MAX];
        NetAddress six;
        uint8_t four[4];

        if (text.size == 0 || text.size >= sizeof(copy) || memchr(text.data, 0, text.size))
                return -EINVAL;
        memcpy(copy, text.data, text.size);
        copy[text.size] = 0;
        if (inet_pton(AF_INET, copy, four) == 1)
                *ret = net_address_from_ipv4(four);
        else if (inet_pton(AF_INET6, copy, six.bytes) == 1)
                *ret = six;
        else
                return -EINVAL;
        return 0;
}

bool net_address_is_loopback(const NetAddress *a) {
        static const NetAddress six = { .bytes = { [15] = 1 } };
        const uint8_t *four = net_address_ipv4(a);

        return four ? four[0] == 127 : memcmp(a, &six, sizeof(six)) == 0;
}

ByteView net_address_source(const NetAddress *a) {
        const uint8_t *four = net_address_ipv4(a);

        return four ? VIEW(four, 4) : VIEW(a->bytes, IPV6_SOURCE_SIZE);
}

/* --- Trusted proxies --- */

static bool bit(const NetAddress *a, unsigned i) {
        return a->bytes[i / 8] >> (7 - i % 8) & 1;
}

static int parse_bits(ByteView text, unsigned max, unsigned *ret) {
        unsigned bits = 0;

        if (text.size == 0 || text.size > 3)
                return -EINVAL;
        for (size_t i = 0; i < text.size; i++) {
                if (text.data[i] < '0' || text.data[i] > '9')
                        return -EINVAL;
                bits = bits * 10 + (unsigned) (text.data[i] - '0');
        }
        if (bits > max)
                return -EINVAL;
        *ret = bits;
        return 0;
}

static int add_prefix(TrustedProxies *p, ByteView text) {
        const uint8_t *slash = memchr(text.data, '/', text.size);
        size_t n = slash ? (size_t) (slash - text.data) : text.size;
        unsigned bits = 128;
        NetAddress a;

        int r = net_address_parse(VIEW(text.data, n), &a);
        if (r < 0)
                return r;
        if (slash) {
                bool four = !memchr(text.data, ':', n);
                r = parse_bits(VIEW(slash + 1, text.size - n - 1), four ? 32 : 128, &bits);
                if (r < 0)
                        return r;
                bits += four ? MAPPED_BITS : 0;
        }
        for (unsigned i = bits; i < 128; i++)
                if (bit(&a, i))
                        return -EINVAL;
        if (p->n == TRUSTED_PROXIES_MAX)
                return -E2BIG;
        p->prefixes[p->n].address = a;
        p->prefixes[p->n++].bits = bits;
        return 0;
}

int trusted_proxies_add(TrustedProxies *p, const char *value) {
        TrustedProxies copy = *p;
        bool any = false;

        for (const char *s = value + strspn(value, SPACE); *s; s += strspn(s, SPACE)) {
                ByteView word = VIEW(s, strcspn(s, SPACE));
                int r = 0;

                if (view_equal(word, VIEW_STR("unix")))
                        copy.unix_sockets = true;
                else
                        r = add_prefix(&copy, word);
                if (r < 0)
                        return r;
                any = true;
                s += word.size;
        }
        if (!any)
                return -EINVAL;
        *p = copy;
        return 0;
}

bool trusted_proxies_have(const TrustedProxies *p, const NetAddress *a) {
        for (unsigned i = 0; i < p->n; i++) {
                unsigned k = 0;
                while (k < p->prefixes[i].bits && bit(a, k) == bit(&p->prefixes[i].address, k))
                        k++;
                if (k == p->prefixes[i].bits)
                        return true;
        }
        return false;
}

/* --- Headers --- */

int forwarded_header_parse(const char *value, ForwardedHeader *ret) {
        for (ForwardedHeader h = FORWARDED_BY_X; h <= FORWARDED_BY_RFC; h++)
                if (strcasecmp(value, forwarded_header_name(h)) == 0) {
                        *ret = h;
                        return 0;
                }
        return -EINVAL;
}

const char *forwarded_header_name(ForwardedHeader h) {
        return h == FORWARDED_BY_RFC ? "Forwarded" : "X-Forwarded-For";
}

static ByteView trim(ByteView v) {
        while (v.size > 0 && (v.data[0] == ' ' || v.data[0] == '\t'))
                v = VIEW(v.data + 1, v.size - 1);
        while (v.size > 0 && (v.data[v.size - 1] == ' ' || v.data[v.size - 1] == '\t'))
                v.size--;
        return v;
}

/* After what at least has no comma: the proxy's own element, whatever quotes the client left open before it. */
static ByteView take_element(ByteView *value) {
        size_t at = value->size;

        while (at > 0 && value->data[at - 1] != ',')
                at--;
        ByteView element = trim(VIEW(value->data + at, value->size - at));
        value->size = at > 0 ? at - 1 : 0;
        return element;
}

/* The node in for=node, quoted or not; nothing when there is none. */
static ByteView find_for(ByteView element) {
        static const char name[] = "for=";

        while (element.size > 0) {
                const uint8_t *end = memchr(element.data, ';', element.size);
                size_t n = end ? (size_t) (end - element.data) : element.size;
                ByteView pair = trim(VIEW(element.data, n));

                if (pair.size >= strlen(name) && strncasecmp((const char *) pair.data, name, strlen(name)) == 0) {
                        ByteView node = VIEW(pair.data + strlen(name), pair.size - strlen(name));
                        if (node.size >= 2 && node.data[0] == '"' && node.data[node.size - 1] == '"')
                                node = VIEW(node.data + 1, node.size - 2);
                        return node;
                }
                n = MIN_OF(n + 1, element.size);
                element = VIEW(element.data + n, element.size - n);
        }
        return VIEW_NULL;
}

int net_address_parse_node(ByteView node, NetAddress *ret) {
        const uint8_t *colon = node.size > 0 ? memchr(node.data, ':', node.size) : NULL;

        if (node.size > 0 && node.data[0] == '[') {
                const uint8_t *end = memchr(node.data, ']', node.size);
                if (!end || !colon || colon > end)
                        return -EINVAL;
                return net_address_parse(VIEW(node.data + 1, end - node.data - 1), ret);
        }
        /* One colon is a port's, several are IPv6's. */
        if (colon && !memchr(colon + 1, ':', (size_t) (node.data + node.size - colon - 1)))
                node.size = (size_t) (colon - node.data);
        return net_address_parse(node, ret);
}

int forwarded_take_last(ForwardedHeader h, ByteView *value, NetAddress *ret) {
        if (value->size == 0)
                return -ENOENT;
        ByteView element = take_element(value);
        if (h == FORWARDED_BY_RFC)
                element = find_for(element);
        return net_address_parse_node(element, ret) < 0 ? -EBADMSG : 0;
}

bool client_address_find(const TrustedProxies *p, ForwardedHeader h, ByteView value, NetAddress *ret) {
        bool found = false;
        NetAddress a;

        for (unsigned i = 0; i < FORWARDED_HOPS_MAX; i++) {
                if (forwarded_take_last(h, &value, &a) < 0)
                        break;
                *ret = a;
                found = true;
                if (!trusted_proxies_have(p, &a))
                        break;
        }
        return found;
}
