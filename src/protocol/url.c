/* SPDX-License-Identifier: MIT */
#include <arpa/inet.h>
#include <stdio.h>
#include <strings.h>

#include "protocol/url.h"

static bool is_digit(char c) {
        return c >= '0' && c <= '9';
}

static bool is_hex(char c) {
        return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static bool is_letter(char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_host_character(char c, bool bracketed) {
        return bracketed ? is_hex(c) || c == ':' || c == '.'
                         : is_letter(c) || is_digit(c) || strchr("-._", c);
}

/* What stands up to the first / ? # (RFC 3986 §3.2), without user information. */
static int parse_host(const char **at, UrlParts *u) {
        const char *p = *at;
        size_t n = 0;

        u->bracketed = *p == '[';
        if (u->bracketed)
                p++;
        for (; *p && is_host_character(*p, u->bracketed); p++) {
                if (n == URL_HOST_MAX)
                        return -EINVAL;
                u->host[n++] = (char) (*p >= 'A' && *p <= 'Z' ? *p + ('a' - 'A') : *p);
        }
        u->host[n] = 0;
        if (n == 0 || (u->bracketed && (*p++ != ']' || !strchr(u->host, ':'))))
                return -EINVAL;
        if (!u->bracketed && (u->host[0] == '.' || u->host[0] == '-' || strstr(u->host, "..")))
                return -EINVAL;
        *at = p;
        return 0;
}

static int parse_port(const char **at, UrlParts *u) {
        const char *p = *at;
        unsigned port = 0;

        u->port = u->https ? 443 : 80;
        if (*p != ':')
                return 0;
        for (p++; is_digit(*p) && port <= UINT16_MAX; p++)
                port = 10 * port + (unsigned) (*p - '0');
        if (port == 0 || port > UINT16_MAX)
                return -EINVAL;
        u->port = (uint16_t) port;
        *at = p;
        return 0;
}

int url_parse(const char *url, UrlParts *ret) {
        UrlParts u = {};
        size_t n = strnlen(url, URL_MAX + 1);

        if (n > URL_MAX)
                return -EINVAL;
        /* RFC 3986 §2: what is not in the alphabet has to come percent-encoded. Some programs read a
         * backslash as a slash: a URL that two readers take for two hosts is none. */
        for (size_t i = 0; i < n; i++)
                if (url[i] <= ' ' || url[i] >= 0x7f || strchr("\"<>\\^`{|}", url[i]))
                        return -EINVAL;

        u.https = strncasecmp(url, "https://", 8) == 0;
        if (!u.https && strncasecmp(url, "http://", 7) != 0)
                return -EINVAL;

        const char *p = url + (u.https ? 8 : 7);
        if (parse_host(&p, &u) < 0 || parse_port(&p, &u) < 0 || (*p && !strchr("/?#", *p)))
                return -EINVAL;
        u.path = p;
        *ret = u;
        return 0;
}

bool url_valid(const char *url) {
        UrlParts u;

        return url_parse(url, &u) >= 0;
}

bool url_valid_https(const char *url) {
        UrlParts u;

        return url_parse(url, &u) >= 0 && u.https;
}

bool url_is_loopback(const UrlParts *u) {
        struct in6_addr six;
        struct in_addr four;

        if (u->bracketed)
                return inet_pton(AF_INET6, u->host, &six) == 1 && IN6_IS_ADDR_LOOPBACK(&six);
        if (inet_pton(AF_INET, u->host, &four) == 1)
                return ntohl(four.s_addr) >> 24 == 127;
        return strcmp(u->host, "localhost") == 0;
}

bool url_same_origin(const char *a, const char *b) {
        UrlParts x, y;

        return url_parse(a, &x) >= 0 && url_parse(b, &y) >= 0 && x.https == y.https && x.port == y.port &&
                x.bracketed == y.bracketed && strcmp(x.host, y.host) == 0;
}

int url_join(const char *base, const char *name, char **ret) {
        size_t n = strlen(base);
        char *joined;

        while (n > 0 && base[n - 1] == '/')
                n--;
        if (n + 1 + strlen(name) > URL_MAX)
                return -EINVAL;
        if (asprintf(&joined, "%.*s/%s", (int) n, base, name) < 0)
                return -ENOMEM;
        *ret = joined;
        return 0;
}
