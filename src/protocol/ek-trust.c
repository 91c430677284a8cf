/* SPDX-License-Identifier: MIT */
#include "protocol/ek-trust.h"

#include <stdio.h>

#include <openssl/err.h>
#include <openssl/x509.h>

#define BUCKETS 256U
#define RSA_BITS_MIN 2048

typedef struct Authority Authority;

/* A CA certificate. Its key is decoded, and who has signed it is found out, when it is first used, and kept:
 * a store of all vendors loads fast, and an intermediate is verified once, not once per device. */
struct Authority {
        EkIssuer issuer;          /* first: what others see is this */
        Bytes der;
        Certificate certificate;
        EVP_PKEY *key;            /* NULL: not needed yet */
        const EkTrust *home;      /* where its own issuers are looked for */
        Authority *next;          /* same bucket */
        uint64_t linked;          /* home's generation for which issuers holds */
        Authority **issuers;
        size_t n_issuers;
};

struct EkTrust {
        const EkTrust *base;         /* looked at as well; or NULL */
        Authority *buckets[BUCKETS]; /* by subject */
        size_t n_authorities;
        uint64_t generation;         /* grows with each addition */
        uint8_t (*distrusted)[32];   /* SHA-256 of what is signed in certificates */
        size_t n_distrusted;
};

static Authority *authority_free(Authority *a) {
        if (!a)
                return NULL;
        certificate_done(&a->certificate);
        EVP_PKEY_free(a->key);
        free(a->issuers);
        bytes_done(&a->der);
        free(a);
        return NULL;
}

DEFINE_TRIVIAL_CLEANUP_FUNC(Authority *, authority_free);

int ek_trust_new(EkTrust **ret) {
        EkTrust *t = calloc(1, sizeof(EkTrust));
        if (!t)
                return -ENOMEM;
        *ret = t;
        return 0;
}

int ek_trust_new_sent(const EkTrust *base, EkTrust **ret) {
        int r = ek_trust_new(ret);
        if (r >= 0)
                (*ret)->base = base;
        return r;
}

EkTrust *ek_trust_free(EkTrust *t) {
        if (!t)
                return NULL;
        for (size_t i = 0; i < BUCKETS; i++)
                for (Authority *a = t->buckets[i], *next; a; a = next) {
                        next = a->next;
                        authority_free(a);
                }
        free(t->distrusted);
        free(t);
        return NULL;
}

size_t ek_trust_count(const EkTrust *t) {
        return t->n_authorities;
}

/* --- Finding them --- */

/* FNV-1a. Only the operator's certificates are hashed into buckets, and a few that are signed by one of them:
 * nobody else can aim at one. */
static size_t bucket_of(ByteView name) {
        uint32_t h = 2166136261;

        for (size_t i = 0; i < name.size; i++)
                h = (h ^ name.data[i]) * 16777619;
        return h % BUCKETS;
}

/* Those with this subject, one after the other. Names are compared byte by byte: issuers copy the subject as it is,
 * in whatever order of a SET. */
typedef struct Cursor {
        const EkTrust *trust;
        ByteView subject;
        size_t bucket;
        Authority *next;
} Cursor;

static Cursor cursor_new(const EkTrust *t, ByteView subject) {
        size_t bucket = bucket_of(subject);
        return (Cursor) { .trust = t, .subject = subject, .bucket = bucket, .next = t->buckets[bucket] };
}

static Authority *cursor_next(Cursor *c) {
        for (;;) {
                while (!c->next && c->trust->base) {
                        c->trust = c->trust->base;
                        c->next = c->trust->buckets[c->bucket];
                }
                Authority *a = c->next;
                if (!a)
                        return NULL;
                c->next = a->next;
                if (view_equal(a->certificate.parts.subject, c->subject))
                        return a;
        }
}

static Authority *find_same(const EkTrust *t, const CertificateParts *parts) {
        Cursor c = cursor_new(t, parts->subject);

        for (Authority *a; (a = cursor_next(&c));)
                if (view_equal(bytes_view(&a->der), parts->der))
                        return a;
        return NULL;
}

/* --- Adding --- */

static int authority_profile(const Certificate *c) {
        unsigned bits = 0;

        if (!c->ca || !(c->usage & GNUTLS_KEY_KEY_CERT_SIGN) || c->unknown_critical)
                return -EKEYREJECTED;
        /* A CA for AIKs is none for EKs. */
        if (c->purposes && !c->purpose_ek && !c->purpose_any)
                return -EKEYREJECTED;
        int algorithm = gnutls_x509_crt_get_pk_algorithm(c->gnutls, &bits);
        if (algorithm < 0 || (algorithm == GNUTLS_PK_RSA && bits < RSA_BITS_MIN))
                return -EKEYREJECTED;
        return 0;
}

static bool ran_out_of_memory(void) {
        bool found = false;

        for (unsigned long e; (e = ERR_get_error());)
                found |= ERR_GET_REASON(e) == ERR_R_MALLOC_FAILURE;
        return found;
}

/* 1 or 0. What could not be verified is neither, and must not be kept as a signature that is bad: -ENOMEM, and
 * -EBADMSG for a key that libcrypto does not read, which it says for want of memory, too. */
static int authority_signed(Authority *a, const Certificate *c) {
        ByteView spki = a->certificate.parts.spki;
        const unsigned char *p = spki.data;

        ERR_clear_error();
        if (!a->key)
                a->key = d2i_PUBKEY(NULL, &p, (long) spki.size);
        int r = a->key ? certificate_signed_by(c, a->key, true) : -EBADMSG;
        if (ran_out_of_memory() && r < 0)
                return -ENOMEM;
        return r >= 0 ? 1 : r == -ENOMEM || r == -EBADMSG ? r : 0;
}

static int authority_new(ByteView der, Authority **ret) {
        _cleanup_(authority_freep) Authority *a = calloc(1, sizeof(Authority));
        CertificateParts parts;

        if (!a)
                return -ENOMEM;
        int r = bytes_copy(der, &a->der);
        if (r < 0)
                return r;
        r = certificate_parts(bytes_view(&a->der), &parts);
        if (r < 0)
                return r;
        r = certificate_read(&parts, &a->certificate);
        if (r < 0)
                return r;

        r = authority_profile(&a->certificate);
        if (r < 0)
                return r;
        a->issuer = (EkIssuer) {
                .parts = parts,
                .not_before = a->certificate.not_before,
                .not_after = a->certificate.not_after,
        };
        *ret = TAKE_PTR(a);
        return 0;
}

/* What GnuTLS has of it goes: tens of kilobytes each, and all that mattered is read. */
static void put(EkTrust *t, Authority *a) {
        Authority **bucket = &t->buckets[bucket_of(a->certificate.parts.subject)];

        gnutls_x509_crt_deinit(TAKE_PTR(a->certificate.gnutls));
        a->home = t;
        a->next = *bucket;
        *bucket = a;
        t->n_authorities++;
        t->generation++;
}

static void set_origin(EkIssuer *i, const EkOrigin *o) {
        i->anchor |= o->anchor;
        i->allow |= o->allow;
        if (o->vendor && !i->vendor[0])
                (void) snprintf(i->vendor, sizeof(i->vendor), "%s", o->vendor);
}

/* By what is signed: the same signature can be written in several ways. */
static int look_whether_distrusted(const EkTrust *t, const CertificateParts *parts) {
        uint8_t hash[32];

        if (t->n_distrusted == 0)
                return 0;
        if (!EVP_Digest(parts->tbs.data, parts->tbs.size, hash, NULL, EVP_sha256(), NULL))
                return -ENOMEM;
        for (size_t i = 0; i < t->n_distrusted; i++)
                if (memcmp(t->distrusted[i], hash, sizeof(hash)) == 0)
                        return -EKEYREVOKED;
        return 0;
}

int ek_trust_distrust(EkTrust *t, ByteView der) {
        CertificateParts parts;

        int r = certificate_parts(der, &parts);
        if (r < 0)
                return r;
        uint8_t (*more)[32] = realloc(t->distrusted, (t->n_distrusted + 1) * sizeof(*more));
        if (!more)
                return -ENOMEM;
        t->distrusted = more;
        if (!EVP_Digest(parts.tbs.data, parts.tbs.size, more[t->n_distrusted], NULL, EVP_sha256(), NULL))
                return -ENOMEM;
        t->n_distrusted++;
        return 0;
}

int ek_trust_add(EkTrust *t, ByteView der, const EkOrigin *origin, const EkIssuer **ret) {
        static const EkOrigin none = {};
        _cleanup_(authority_freep) Authority *a = NULL;
        CertificateParts parts;

        if (!origin)
                origin = &none;
        if (der.size > EK_CERTIFICATE_SIZE_MAX)
                return -EINVAL;
        int r = certificate_parts(der, &parts);
        if (r >= 0)
                r = look_whether_distrusted(t, &parts);
        if (r >= 0)
                r = authority_new(der, &a);
        if (r < 0)
                return r;

        Authority *same = find_same(t, &a->issuer.parts);
        if (same) {
                set_origin(&same->issuer, origin);
                if (ret)
                        *ret = &same->issuer;
                return -EEXIST;
        }
        r = certificate_self_issued(&a->certificate) ? authority_signed(a, &a->certificate) : 0;
        if (r == -ENOMEM)
                return r;
        a->issuer.anchor = r > 0;
        set_origin(&a->issuer, origin);
        if (ret)
                *ret = &a->issuer;
        put(t, TAKE_PTR(a));
        return 0;
}

int ek_trust_add_sent(EkTrust *sent, const CertificateParts *parts) {
        _cleanup_(authority_freep) Authority *a = NULL;

        if (find_same(sent, parts))
                return 0;
        int r = sent->base ? look_whether_distrusted(sent->base, parts) : 0;
        if (r >= 0)
                r = authority_new(parts->der, &a);
        if (r < 0)
                return r == -ENOMEM ? r : 0;
        a->issuer.sent = true;

        Cursor c = cursor_new(sent, parts->issuer);
        for (Authority *i; (i = cursor_next(&c));)
                if (authority_signed(i, &a->certificate) > 0) {
                        put(sent, TAKE_PTR(a));
                        return 1;
                }
        return 0;
}

/* --- The search --- */

typedef struct Search {
        int64_t now;
        EkPath path; /* the one that is being tried: issuers and n */
        EkPath best;
} Search;

/* Who has signed it. That is known for good only if all who have the name could be asked. */
static int authority_link(Authority *a) {
        Cursor c = cursor_new(a->home, a->certificate.parts.issuer);
        bool all = true;
        size_t n = 0;

        while (cursor_next(&c))
                n++;
        free(TAKE_PTR(a->issuers));
        a->n_issuers = 0;
        a->issuers = calloc(MAX_OF(n, 1U), sizeof(Authority *));
        if (!a->issuers)
                return -ENOMEM;
        c = cursor_new(a->home, a->certificate.parts.issuer);
        for (Authority *i; (i = cursor_next(&c));) {
                int r = i == a ? 0 : authority_signed(i, &a->certificate);
                if (r > 0)
                        a->issuers[a->n_issuers++] = i;
                all &= r >= 0;
        }
        if (all)
                a->linked = a->home->generation;
        return 0;
}

static EkChain dates_hold(const Certificate *c, int64_t now) {
        return c->not_before <= now && now <= c->not_after ? EK_CHAIN_GOOD : EK_CHAIN_EXPIRED;
}

static void broken(Search *s, EkBreak why, ByteView wanted) {
        if (s->best.chain != EK_CHAIN_NONE || (s->best.wanted.data && why <= s->best.why))
                return;
        s->best = s->path;
        s->best.why = why;
        s->best.wanted = wanted;
}

/* used: what the certificates below take. */
static void arrive(Search *s, const Authority *anchor, EkChain dates, unsigned used) {
        unsigned refused = used & ~anchor->issuer.allow;

        if (refused & (EK_ALLOW_SHA1_EK | EK_ALLOW_SHA1_CA)) {
                broken(s, EK_BREAK_SHA1, anchor->certificate.parts.subject);
                return;
        }
        if (refused & EK_ALLOW_EXPIRED)
                dates = EK_CHAIN_EXPIRED;
        if (dates > s->best.chain) {
                s->best = s->path;
                s->best.chain = dates;
                s->best.used = used;
        }
}

/* below: how many certificates of the path a's pathLenConstraint counts (not the leaf and not self-issued ones). */
static void climb(Search *s, Authority *a, unsigned below, EkChain dates, unsigned used) {
        const Certificate *c = &a->certificate;

        if (s->path.n == EK_CHAIN_MAX - 1 || (c->path_length >= 0 && below > (unsigned) c->path_length)) {
                broken(s, EK_BREAK_LENGTH, c->parts.subject);
                return;
        }
        s->path.issuers[s->path.n++] = &a->issuer;
        dates = MIN_OF(dates, dates_hold(c, s->now));
        if (a->issuer.anchor)
                arrive(s, a, dates, used);
        else if (a->linked == a->home->generation || authority_link(a) >= 0) {
                below += !certificate_self_issued(c);
                used |= certificate_sha1(c) ? EK_ALLOW_SHA1_CA : 0;
                for (size_t i = 0; i < a->n_issuers && s->best.chain < EK_CHAIN_GOOD; i++)
                        climb(s, a->issuers[i], below, dates, used);
                if (a->n_issuers == 0)
                        broken(s, EK_BREAK_NO_ISSUER, c->parts.issuer);
        }
        s->path.n--;
}

/* The leaf's own dates and signature as what has to be allowed. What is not valid yet never is. */
static unsigned leaf_uses(const Certificate *leaf, int64_t now) {
        return (leaf->not_after < now ? EK_ALLOW_EXPIRED : 0U) | (certificate_sha1(leaf) ? EK_ALLOW_SHA1_EK : 0U);
}

void ek_trust_chain(const EkTrust *t, const Certificate *leaf, int64_t now, EkPath *ret) {
        EkChain dates = leaf->not_before <= now ? EK_CHAIN_GOOD : EK_CHAIN_EXPIRED;
        EkPath best = { .why = EK_BREAK_NO_ISSUER, .wanted = leaf->parts.issuer };
        Cursor c = cursor_new(t, leaf->parts.issuer);

        for (Authority *a; best.chain < EK_CHAIN_GOOD && (a = cursor_next(&c));) {
                Search s = { .now = now };
                climb(&s, a, 0, dates, leaf_uses(leaf, now));
                bool nearer = s.best.chain > best.chain || (best.chain == EK_CHAIN_NONE && s.best.why >= best.why);
                /* The leaf's signature, which costs most, only where it can change the answer. */
                if (nearer && authority_signed(a, leaf) > 0)
                        best = s.best;
                else if (best.chain == EK_CHAIN_NONE && best.why < EK_BREAK_SIGNATURE)
                        best = (EkPath) { .why = EK_BREAK_SIGNATURE, .wanted = leaf->parts.issuer };
        }
        *ret = best;
}
