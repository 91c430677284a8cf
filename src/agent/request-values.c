/* SPDX-License-Identifier: MIT */
#include "agent/request-values.h"

#include "protocol/url.h"

static void drop_suffix(char *url, const char *suffix) {
        size_t n = strlen(url), k = strlen(suffix);

        if (n > k && strcmp(url + n - k, suffix) == 0)
                url[n - k] = 0;
}

static void drop_slashes(char *url) {
        for (size_t n = strlen(url); n > 0 && url[n - 1] == '/'; n--)
                url[n - 1] = 0;
}

static int base_url(const char *url, bool http_on_loopback, char **ret) {
        UrlParts parts;

        if (strlen(url) > JOB_URL_MAX || url_parse(url, &parts) < 0)
                return -EINVAL;
        if (!parts.https && !(http_on_loopback && url_is_loopback(&parts)))
                return -EINVAL;
        if (strpbrk(parts.path, "?#"))
                return -EINVAL;
        char *base = strdup(url);
        if (!base)
                return -ENOMEM;
        drop_slashes(base);
        *ret = base;
        return 0;
}

int request_acme_url(const char *url, char **ret) {
        int r = base_url(url, false, ret);
        if (r < 0)
                return r;
        drop_suffix(*ret, "/directory");
        drop_slashes(*ret);
        return 0;
}

int request_attestation_url(const char *url, char **ret) {
        return base_url(url, true, ret);
}

bool request_name_valid(const char *name) {
        return device_name_valid(name) || device_hash_valid(name);
}

bool request_roots_valid(ByteView pem) {
        static const char begin[] = "-----BEGIN CERTIFICATE-----";

        return pem.size <= JOB_CA_PEM_MAX && memmem(pem.data, pem.size, begin, sizeof(begin) - 1);
}

int request_eab_key(ByteView text, Bytes *ret) {
        size_t n = text.size;
        int r;

        while (n > 0 && memchr(" \t\r\n=", text.data[n - 1], 5))
                n--;
        if (n == 0)
                return -EINVAL;
        r = base64url_decode((const char *) text.data, n, JOB_EAB_KEY_MAX, ret);
        return r == -E2BIG ? -EINVAL : r;
}
