/* SPDX-License-Identifier: MIT */
#include "protocol/last-certified.h"

#define WAYS 8U
#define EK_SIZE 16U /* bytes of the hash that are compared */

typedef struct Record {
        uint8_t ek[EK_SIZE];
        uint8_t id[LAST_CERTIFIED_ID_SIZE];
        uint64_t serial; /* 0: free place */
} Record;

struct LastCertified {
        size_t mask; /* number of rows, less one */
        uint64_t serial;
        Record (*rows)[WAYS];
};

int last_certified_new(size_t max, LastCertified **ret) {
        _cleanup_(last_certified_freep) LastCertified *t = NULL;
        size_t rows = 1;

        if (max == 0 || max > LAST_CERTIFIED_MAX)
                return -EINVAL;
        while (rows * WAYS < max)
                rows *= 2;
        t = calloc(1, sizeof(*t));
        if (!t)
                return -ENOMEM;
        t->mask = rows - 1;
        t->rows = calloc(rows, sizeof(*t->rows));
        if (!t->rows)
                return -ENOMEM;
        *ret = TAKE_PTR(t);
        return 0;
}

LastCertified *last_certified_free(LastCertified *t) {
        if (!t)
                return NULL;
        free(t->rows);
        free(t);
        return NULL;
}

/* The end of the hash says where, its beginning who. */
static Record *row_of(const LastCertified *t, const uint8_t ek_hash[static 32]) {
        uint64_t x;

        memcpy(&x, ek_hash + 32 - sizeof(x), sizeof(x));
        return t->rows[(size_t) x & t->mask];
}

/* Its record, else a free place or the oldest record. */
static Record *place_of(const LastCertified *t, const uint8_t ek_hash[static 32]) {
        Record *row = row_of(t, ek_hash), *oldest = row;

        for (size_t i = 0; i < WAYS; i++) {
                if (row[i].serial > 0 && memcmp(row[i].ek, ek_hash, EK_SIZE) == 0)
                        return row + i;
                if (row[i].serial < oldest->serial)
                        oldest = row + i;
        }
        return oldest;
}

void last_certified_put(LastCertified *t, const uint8_t ek_hash[static 32], const uint8_t id[static LAST_CERTIFIED_ID_SIZE]) {
        Record *r = place_of(t, ek_hash);

        memcpy(r->ek, ek_hash, EK_SIZE);
        memcpy(r->id, id, sizeof(r->id));
        r->serial = ++t->serial;
}

bool last_certified_recall(LastCertified *t, const uint8_t ek_hash[static 32],
                           const uint8_t id[static LAST_CERTIFIED_ID_SIZE]) {
        if (place_of(t, ek_hash)->serial > 0)
                return false;
        last_certified_put(t, ek_hash, id);
        return true;
}

bool last_certified_is(const LastCertified *t, const uint8_t ek_hash[static 32],
                       const uint8_t id[static LAST_CERTIFIED_ID_SIZE]) {
        const Record *r = place_of(t, ek_hash);

        return r->serial > 0 && memcmp(r->ek, ek_hash, EK_SIZE) == 0 && memcmp(r->id, id, sizeof(r->id)) == 0;
}
