/* SPDX-License-Identifier: MIT */
#include "protocol/rate-limit.h"

#include <gnutls/crypto.h>

#include "protocol/settings.h"

#define ID_SIZE 16U
#define RECORDS_MAX (1U << 20) /* more than this is a mistake of the caller */
#define USEC_PER_SEC 1000000ULL

/* Place of an id. */
typedef struct Record {
        uint8_t id[ID_SIZE];
        uint64_t even; /* when all is forgotten; 0: free place */
} Record;

struct RateLimit {
        uint8_t key[32];
        size_t mask; /* number of rows, less one */
        uint64_t interval, capacity;
        bool unlimited;
        Record (*rows)[RATE_WAYS];
};

int rate_parse(const char *value, Rate *ret) {
        uint32_t burst = 0;
        int64_t seconds;
        const char *p;
        bool yes;

        if (settings_parse_bool(value, &yes) >= 0) {
                if (yes)
                        return -EINVAL;
                *ret = (Rate) {};
                return 0;
        }
        for (p = value; *p >= '0' && *p <= '9'; p++) {
                burst = burst * 10 + (uint32_t) (*p - '0');
                if (burst > RATE_BURST_MAX)
                        return -ERANGE;
        }
        if (burst == 0 || *p != '/')
                return -EINVAL;
        int r = settings_parse_duration(p + 1, RATE_PERIOD_SECONDS_MAX, &seconds);
        if (r < 0)
                return r;
        if (seconds == 0)
                return -ERANGE;
        *ret = (Rate) { .burst = burst, .period = (uint64_t) seconds * USEC_PER_SEC };
        return 0;
}

int rate_limit_new(const uint8_t key[static 32], size_t max, const Rate *rate, RateLimit **ret) {
        _cleanup_(rate_limit_freep) RateLimit *l = NULL;
        size_t rows = 1;

        if (max == 0 || max > RECORDS_MAX)
                return -EINVAL;
        while (rows * RATE_WAYS < max)
                rows *= 2;
        l = calloc(1, sizeof(*l));
        if (!l)
                return -ENOMEM;
        *l = (RateLimit) {
                .mask = rows - 1,
                .interval = rate->burst > 0 ? MAX_OF(rate->period / rate->burst, 1U) : 1U,
                .unlimited = rate->burst == 0,
        };
        l->capacity = l->interval * MAX_OF(rate->burst, 1U);
        memcpy(l->key, key, sizeof(l->key));
        l->rows = calloc(rows, sizeof(*l->rows));
        if (!l->rows)
                return -ENOMEM;
        *ret = TAKE_PTR(l);
        return 0;
}

RateLimit *rate_limit_free(RateLimit *l) {
        if (!l)
                return NULL;
        free(l->rows);
        explicit_bzero(l->key, sizeof(l->key));
        free(l);
        return NULL;
}

/* The row of an id, and its name there. NULL only when the hash fails: then nothing is limited. */
static Record *find_row(const RateLimit *l, ByteView id, uint8_t ret[static ID_SIZE]) {
        uint8_t hash[32];
        uint64_t x;

        if (gnutls_hmac_fast(GNUTLS_MAC_SHA256, l->key, sizeof(l->key), id.data, id.size, hash) < 0)
                return NULL;
        memcpy(&x, hash + ID_SIZE, sizeof(x));
        memcpy(ret, hash, ID_SIZE);
        return l->rows[(size_t) x & l->mask];
}

static Record *find(const RateLimit *l, ByteView id) {
        uint8_t name[ID_SIZE];
        Record *row = find_row(l, id, name);

        for (size_t i = 0; row && i < RATE_WAYS; i++)
                if (row[i].even > 0 && memcmp(row[i].id, name, ID_SIZE) == 0)
                        return row + i;
        return NULL;
}

uint64_t rate_limit_wait(const RateLimit *l, ByteView id, uint64_t now) {
        const Record *r = find(l, id);

        if (l->unlimited || !r || r->even + l->interval <= now + l->capacity)
                return 0;
        return r->even + l->interval - now - l->capacity;
}

/* A free place has nothing to owe. */
static void make_room(RateLimit *l, ByteView id, uint64_t even) {
        uint8_t name[ID_SIZE];
        Record *row = find_row(l, id, name), *least = row;

        for (size_t i = 1; row && i < RATE_WAYS; i++)
                if (row[i].even < least->even)
                        least = row + i;
        if (!least || least->even > even)
                return;
        memcpy(least->id, name, ID_SIZE);
        least->even = even;
}

void rate_limit_charge(RateLimit *l, ByteView id, uint64_t now) {
        Record *r = find(l, id);

        if (r)
                r->even = MIN_OF(MAX_OF(r->even, now) + l->interval, now + l->capacity);
        else
                make_room(l, id, now + l->interval);
}

void rate_limit_refund(RateLimit *l, ByteView id, uint64_t now) {
        Record *r = find(l, id);

        if (r && r->even > now)
                r->even -= MIN_OF(l->interval, r->even - now);
}

bool rate_limit_owes(const RateLimit *l, ByteView id, uint64_t now) {
        const Record *r = find(l, id);

        return r && r->even > now;
}

bool rate_limit_knows(const RateLimit *l, ByteView id) {
        return find(l, id) != NULL;
}
