/* SPDX-License-Identifier: MIT */
#include <gnutls/crypto.h>

#include "protocol/last-certified.h"
#include "protocol/pending-secrets.h"

#define ID_SIZE 32U
#define SECRETS_MAX (1U << 20) /* more than this is a mistake of the caller */
#define KEY_BYTES_MAX (1U + 2U + 4U + PUBLIC_KEY_RSA_SIZE_MAX)

/* What goes into the HMAC first, so that an identifier can never be a secret. */
#define PURPOSE_ID 1U
#define PURPOSE_SECRET 2U

typedef struct Pair Pair;

/* One secret that is out. */
typedef struct Slot {
        bool live;
        uint8_t hash[32]; /* SHA-256 of the secret */
        uint64_t serial;  /* what the secret is made of, besides the pair */
        uint64_t created;
        Pair *pair;
        struct Slot *next;           /* in its bucket */
        struct Slot *older, *newer;  /* among all */
} Slot;

/* An EK and an AK, with up to two secrets. The second one is made when the first has less than half of its
 * time left, and has itself less than half left only when the first is gone: there is never a third. */
struct Pair {
        uint8_t id[ID_SIZE];
        Pending what;
        Slot slots[2];
        Pair *next; /* in its bucket */
};

struct PendingSecrets {
        uint8_t key[32];
        size_t max, n;
        size_t n_untrusted; /* of n: without a trusted EK certificate */
        uint64_t lifetime;
        uint64_t serial;
        size_t mask; /* number of buckets of either table, less one */
        Slot **by_secret;
        Pair **by_id;
        Slot *oldest, *newest;
        LastCertified *certified;
};

int pending_secrets_new(const uint8_t key[static 32], size_t max, uint64_t lifetime_usec, PendingSecrets **ret) {
        _cleanup_(pending_secrets_freep) PendingSecrets *s = NULL;
        size_t buckets = 1;

        if (max == 0 || max > SECRETS_MAX || lifetime_usec == 0)
                return -EINVAL;
        while (buckets < max)
                buckets *= 2;
        s = calloc(1, sizeof(*s));
        if (!s)
                return -ENOMEM;
        *s = (PendingSecrets) { .max = max, .lifetime = lifetime_usec, .mask = buckets - 1 };
        memcpy(s->key, key, sizeof(s->key));
        s->by_secret = calloc(buckets, sizeof(*s->by_secret));
        s->by_id = calloc(buckets, sizeof(*s->by_id));
        if (!s->by_secret || !s->by_id)
                return -ENOMEM;
        int r = last_certified_new(LAST_CERTIFIED_MAX, &s->certified);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(s);
        return 0;
}

PendingSecrets *pending_secrets_free(PendingSecrets *s) {
        if (!s)
                return NULL;
        for (size_t i = 0; s->by_id && i <= s->mask; i++)
                while (s->by_id[i]) {
                        Pair *p = s->by_id[i];
                        s->by_id[i] = p->next;
                        free(p);
                }
        last_certified_free(s->certified);
        free(s->by_secret);
        free(s->by_id);
        explicit_bzero(s->key, sizeof(s->key));
        free(s);
        return NULL;
}

/* --- What identifies a pair, and what its secrets are --- */

static int hmac(const PendingSecrets *s, ByteView data, uint8_t ret[static 32]) {
        return gnutls_hmac_fast(GNUTLS_MAC_SHA256, s->key, sizeof(s->key), data.data, data.size, ret) < 0 ? -EIO : 0;
}

static void write_key(ByteWriter *w, const PublicKey *k) {
        write_u8(w, (uint8_t) k->type);
        write_u16(w, k->size);
        write_u32(w, k->exponent);
        if (k->type == KEY_TYPE_RSA)
                write_bytes(w, k->n, MIN_OF(k->size, sizeof(k->n)));
        else {
                write_bytes(w, k->x, MIN_OF(k->size, sizeof(k->x)));
                write_bytes(w, k->y, MIN_OF(k->size, sizeof(k->y)));
        }
}

/* Keyed: whoever chooses keys cannot choose their bucket. */
static int pair_id(const PendingSecrets *s, const Pending *what, uint8_t ret[static ID_SIZE]) {
        uint8_t buffer[1 + sizeof(what->ek_hash) + KEY_BYTES_MAX];
        ByteWriter w = WRITER(buffer, sizeof(buffer));

        write_u8(&w, PURPOSE_ID);
        write_bytes(&w, what->ek_hash, sizeof(what->ek_hash));
        write_key(&w, &what->ak);
        return hmac(s, writer_view(&w), ret);
}

static int make_secret(const PendingSecrets *s, const uint8_t id[static ID_SIZE], uint64_t serial,
                       uint8_t ret[static PENDING_SECRET_SIZE]) {
        uint8_t buffer[1 + ID_SIZE + sizeof(serial)];
        ByteWriter w = WRITER(buffer, sizeof(buffer));

        write_u8(&w, PURPOSE_SECRET);
        write_bytes(&w, id, ID_SIZE);
        write_u64(&w, serial);
        return hmac(s, writer_view(&w), ret);
}

static int hash_secret(const uint8_t secret[static PENDING_SECRET_SIZE], uint8_t ret[static 32]) {
        return gnutls_hash_fast(GNUTLS_DIG_SHA256, secret, PENDING_SECRET_SIZE, ret) < 0 ? -EIO : 0;
}

/* --- Tables and the list by age --- */

static size_t bucket(const PendingSecrets *s, const uint8_t hash[static 8]) {
        uint64_t x;

        memcpy(&x, hash, sizeof(x));
        return (size_t) x & s->mask;
}

static Pair *find_pair(const PendingSecrets *s, const uint8_t id[static ID_SIZE]) {
        for (Pair *p = s->by_id[bucket(s, id)]; p; p = p->next)
                if (memcmp(p->id, id, ID_SIZE) == 0)
                        return p;
        return NULL;
}

static Slot *find_secret(const PendingSecrets *s, const uint8_t hash[static 32]) {
        for (Slot *t = s->by_secret[bucket(s, hash)]; t; t = t->next)
                if (view_equal_secret(VIEW_ARRAY(t->hash), VIEW(hash, sizeof(t->hash))))
                        return t;
        return NULL;
}

static void link_slot(PendingSecrets *s, Slot *t) {
        Slot **head = &s->by_secret[bucket(s, t->hash)];

        t->next = *head;
        *head = t;
        t->older = s->newest;
        t->newer = NULL;
        *(s->newest ? &s->newest->newer : &s->oldest) = t;
        s->newest = t;
        t->live = true;
        s->n++;
        s->n_untrusted += t->pair->what.evidence != EK_EVIDENCE_TRUSTED;
}

static void unlink_slot(PendingSecrets *s, Slot *t) {
        Slot **at = &s->by_secret[bucket(s, t->hash)];

        while (*at != t)
                at = &(*at)->next;
        *at = t->next;
        *(t->older ? &t->older->newer : &s->oldest) = t->newer;
        *(t->newer ? &t->newer->older : &s->newest) = t->older;
        t->live = false;
        s->n--;
        s->n_untrusted -= t->pair->what.evidence != EK_EVIDENCE_TRUSTED;
}

static void drop_pair_if_empty(PendingSecrets *s, Pair *p) {
        Pair **at = &s->by_id[bucket(s, p->id)];

        if (p->slots[0].live || p->slots[1].live)
                return;
        while (*at != p)
                at = &(*at)->next;
        *at = p->next;
        free(p);
}

size_t pending_secrets_expire(PendingSecrets *s, uint64_t now_usec) {
        while (s->oldest && now_usec >= pending_secrets_next_expiry(s)) {
                Slot *t = s->oldest;
                unlink_slot(s, t);
                drop_pair_if_empty(s, t->pair);
        }
        return s->n;
}

uint64_t pending_secrets_next_expiry(const PendingSecrets *s) {
        if (!s->oldest)
                return UINT64_MAX;
        return s->oldest->created > UINT64_MAX - s->lifetime ? UINT64_MAX : s->oldest->created + s->lifetime;
}

/* --- Adding and taking --- */

/* A pair in the table has a live one. */
static Slot *newest_of(Pair *p) {
        Slot *a = &p->slots[0], *b = &p->slots[1];

        return b->live && (!a->live || b->serial > a->serial) ? b : a;
}

/* A replay may come with less evidence than the honest request, before or after it. */
static void improve_evidence(PendingSecrets *s, Pair *p, const Pending *what) {
        Pending *known = &p->what;

        if (what->evidence <= known->evidence)
                return;
        if (what->evidence == EK_EVIDENCE_TRUSTED)
                s->n_untrusted -= (size_t) p->slots[0].live + (size_t) p->slots[1].live;
        known->evidence = what->evidence;
        known->tpm = what->tpm;
        memcpy(known->issuer, what->issuer, sizeof(known->issuer));
}

static int add_slot(PendingSecrets *s, Pair *p, uint64_t now_usec, uint8_t ret_secret[static PENDING_SECRET_SIZE]) {
        Slot *t = p->slots[0].live ? &p->slots[1] : &p->slots[0];
        uint8_t secret[PENDING_SECRET_SIZE];
        int r;

        r = make_secret(s, p->id, s->serial + 1, secret);
        if (r < 0)
                return r;
        r = hash_secret(secret, t->hash);
        if (r < 0)
                return r;
        t->serial = ++s->serial;
        t->created = now_usec;
        t->pair = p;
        link_slot(s, t);
        memcpy(ret_secret, secret, sizeof(secret));
        explicit_bzero(secret, sizeof(secret));
        return 0;
}

static int add_pair(PendingSecrets *s, const uint8_t id[static ID_SIZE], const Pending *what, uint64_t now_usec,
                    uint8_t ret_secret[static PENDING_SECRET_SIZE]) {
        _cleanup_free_ Pair *p = calloc(1, sizeof(*p));
        Pair **head = &s->by_id[bucket(s, id)];
        int r;

        if (!p)
                return -ENOMEM;
        memcpy(p->id, id, sizeof(p->id));
        p->what = *what;
        r = add_slot(s, p, now_usec, ret_secret);
        if (r < 0)
                return r;
        p->next = *head;
        *head = TAKE_PTR(p);
        return 0;
}

/* Anybody can make EKs by the thousand, but no certificates for them: those may not take the last places. Whoever has a
 * certificate of one EK can make AKs for it by the thousand, but no certificates for those: so each device has a place
 * for the AK that was certified last, whatever the others take. */
static bool has_room(const PendingSecrets *s, const Pending *what, const uint8_t id[static ID_SIZE]) {
        if (s->n < s->max &&
            (what->evidence == EK_EVIDENCE_TRUSTED || s->n_untrusted < s->max - s->max / PENDING_SECRETS_RESERVED))
                return true;
        return last_certified_is(s->certified, what->ek_hash, id);
}

int pending_secrets_add(PendingSecrets *s, const Pending *what, uint64_t now_usec,
                        uint8_t ret_secret[static PENDING_SECRET_SIZE]) {
        uint8_t id[ID_SIZE];
        Pair *p;
        int r;

        r = pair_id(s, what, id);
        if (r < 0)
                return r;
        (void) pending_secrets_expire(s, now_usec);
        p = find_pair(s, id);
        if (!p)
                return has_room(s, what, id) ? add_pair(s, id, what, now_usec, ret_secret) : -ENOSPC;

        improve_evidence(s, p, what);
        Slot *t = newest_of(p);
        /* When all places are taken, a secret with little time left is better than none. */
        if (!has_room(s, &p->what, id) || (p->slots[0].live && p->slots[1].live) ||
            now_usec - t->created <= s->lifetime / 2)
                return make_secret(s, id, t->serial, ret_secret);
        return add_slot(s, p, now_usec, ret_secret);
}

int pending_secrets_take(PendingSecrets *s, const uint8_t secret[static PENDING_SECRET_SIZE], uint64_t now_usec,
                         Pending *ret) {
        uint8_t hash[32];
        Slot *t;
        int r;

        r = hash_secret(secret, hash);
        if (r < 0)
                return r;
        (void) pending_secrets_expire(s, now_usec);
        t = find_secret(s, hash);
        if (!t)
                return -ENOENT;

        Pair *p = t->pair;
        *ret = p->what;
        for (size_t i = 0; i < ELEMENTSOF(p->slots); i++)
                if (p->slots[i].live)
                        unlink_slot(s, &p->slots[i]);
        drop_pair_if_empty(s, p);
        return 0;
}

int pending_secrets_certified(PendingSecrets *s, const Pending *what) {
        uint8_t id[ID_SIZE];

        int r = pair_id(s, what, id);
        if (r >= 0)
                last_certified_put(s->certified, what->ek_hash, id);
        return r;
}

int pending_secrets_recall(PendingSecrets *s, const Pending *what) {
        uint8_t id[ID_SIZE];

        int r = pair_id(s, what, id);
        if (r >= 0)
                (void) last_certified_recall(s->certified, what->ek_hash, id);
        return r;
}
