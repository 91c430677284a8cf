/* SPDX-License-Identifier: MIT */
/* The first byte says how; up to a newline what is trusted, then what a header says. */
#include "fuzz.h"
#include "protocol/client-address.h"
#include "protocol/rate-limit.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        TrustedProxies proxies = {};
        NetAddress a = {};
        char value[512];

        if (size == 0)
                return 0;
        ForwardedHeader h = data[0] & 1 ? FORWARDED_BY_RFC : FORWARDED_BY_X;
        const uint8_t *newline = memchr(data + 1, '\n', size - 1);
        size_t n = newline ? (size_t) (newline - data - 1) : size - 1;
        n = MIN_OF(n, sizeof(value) - 1);
        memcpy(value, data + 1, n);
        value[n] = 0;
        (void) trusted_proxies_add(&proxies, value);

        ByteView header = newline ? VIEW(newline + 1, (size_t) (data + size - newline - 1)) : VIEW_NULL;
        NetAddress last;
        ByteView rest = header;
        if (client_address_find(&proxies, h, header, &a)) {
                /* An untrusted last hop is the answer, whatever stands before it. */
                if (forwarded_take_last(h, &rest, &last) < 0)
                        abort();
                if (!trusted_proxies_have(&proxies, &last) && memcmp(&last, &a, sizeof(a)) != 0)
                        abort();
        }
        return 0;
}
