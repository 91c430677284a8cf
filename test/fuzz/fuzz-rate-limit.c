/* SPDX-License-Identifier: MIT */
/* A setting up to a newline, then events: whose (one byte) and what, how much later. Nobody waits longer than the
 * period, and nobody who is quiet for that long waits. */
#include "fuzz.h"
#include "protocol/rate-limit.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        static const uint8_t key[32] = "a key for this";
        _cleanup_(rate_limit_freep) RateLimit *l = NULL;
        const uint8_t *newline = size > 0 ? memchr(data, '\n', size) : NULL;
        char value[64];
        Rate rate;

        if (!newline || (size_t) (newline - data) >= sizeof(value))
                return 0;
        size_t n = (size_t) (newline - data);
        memcpy(value, data, n);
        value[n] = 0;
        if (rate_parse(value, &rate) < 0 || rate_limit_new(key, 32, &rate, &l) < 0)
                return 0;
        uint64_t now = 1;
        for (size_t i = n + 1; i + 1 < size; i += 2) {
                ByteView id = VIEW(data + i, 1);
                if (data[i + 1] & 1)
                        rate_limit_refund(l, id, now);
                else
                        rate_limit_charge(l, id, now);
                if (rate_limit_wait(l, id, now) > rate.period || rate_limit_wait(l, id, now + rate.period) > 0)
                        abort();
                now += (uint64_t) data[i + 1] * 1000;
        }
        return 0;
}
