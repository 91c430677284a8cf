/* SPDX-License-Identifier: MIT */
#pragma once

/* Just enough of RFC 3986 to keep a client on https and with one server. */
#include "shared/bytes.h"

#define URL_MAX 1024U       /* characters */
#define URL_HOST_MAX 253U   /* characters, brackets not counted */

typedef struct UrlParts {
        bool https;         /* else http */
        char host[URL_HOST_MAX + 1]; /* lower case, without brackets */
        bool bracketed;     /* an IPv6 address */
        uint16_t port;      /* that of the scheme if the URL says none */
        const char *path;   /* into the URL: from the first / ? # on, or "" */
} UrlParts;

/* http or https, host (name, IPv4 address, bracketed IPv6 address), optional port 1–65535, no user
 * information, no control characters, spaces or bytes beyond ASCII. -EINVAL. */
int url_parse(const char *url, UrlParts *ret);
bool url_valid(const char *url);       /* http or https */
bool url_valid_https(const char *url);
/* Is it this machine itself: 127.0.0.0/8, ::1, or "localhost"? */
bool url_is_loopback(const UrlParts *u);
/* Both valid, same scheme, host without regard to case, same port. */
bool url_same_origin(const char *a, const char *b);
/* base without its trailing slashes, "/", name. */
int url_join(const char *base, const char *name, char **ret);
