/* SPDX-License-Identifier: MIT */
#include "protocol/ek-trust.h"

#include <openssl/err.h>
#include <openssl/x509.h>

#define BUCKETS 256U
#define RSA_BITS_MIN 2048

typedef struct Authority Authority;

/* A CA certificate. Its key is decoded, and who has signed it is found out, when it is first used, and kept:
 * a store of all vendors loads fast, and an intermediate is verified once, not once per device. */
struct Authority {
        Bytes der;
        Certificate certificate;
        EVP_PKEY *key;            /* NULL: not needed yet */
        bool anchor;
        Authority *next;          /* same bucket */
        uint64_t linked;          /* EkTrust.generation for which issuers holds */
        Authority **issuers;
        size_t n_issuers;
};

struct EkTrust {
        Authority *buckets[BUCKETS]; /* by subject */
        size_t n_authorities;
        uint64_t generation;         /* grows with each addition */
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

EkTrust *ek_trust_free(EkTrust *t) {
        if (!t)
                return NULL;
        for (size_t i = 0; i < BUCKETS; i++)
                for (Authority *a = t->buckets[i], *next; a; a = next) {
                        next = a->next;
                        authority_free(a);
                }
        free(t);
        return NULL;
}

size_t ek_trust_count(const EkTrust *t) {
        return t->n_authorities;
}

/* FNV-1a. Only the operator's certificates are hashed into buckets: nobody else can aim at one. */
static size_t bucket_of(ByteView name) {
        uint32_t h = 2166136261;

        for (size_t i = 0; i < name.size; i++)
                h = (h ^ name.data[i]) * 16777619;
        return h % BUCKETS;
}

/* The next authority with this subject, starting at a itself. Names are compared byte by byte: issuers copy
 * the subject as it is, in whatever order of a SET. */
static Authority *match(Authority *a, ByteView subject) {
        while (a && !view_equal(a->certificate.parts.subject, subject))
                a = a->next;
        return a;
}

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

static bool authority_signed(Authority *a, const Certificate *c, bool sha1) {
        ByteView spki = a->certificate.parts.spki;
        const unsigned char *p = spki.data;

        if (!a->key)
                a->key = d2i_PUBKEY(NULL, &p, (long) spki.size);
        bool good = a->key && certificate_signed_by(c, a->key, sha1) >= 0;
        ERR_clear_error();
        return good;
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

        a->anchor = certificate_self_issued(&a->certificate) && authority_signed(a, &a->certificate, true);
        /* Tens of kilobytes each, and all that mattered is read. */
        gnutls_x509_crt_deinit(TAKE_PTR(a->certificate.gnutls));
        *ret = TAKE_PTR(a);
        return 0;
}

int ek_trust_add(EkTrust *t, ByteView der) {
        _cleanup_(authority_freep) Authority *a = NULL;

        if (der.size > EK_CERTIFICATE_SIZE_MAX)
                return -EINVAL;
        int r = authority_new(der, &a);
        if (r < 0)
                return r;

        Authority **bucket = &t->buckets[bucket_of(a->certificate.parts.subject)];
        for (const Authority *other = *bucket; other; other = other->next)
                if (view_equal(bytes_view(&other->der), der))
                        return -EEXIST;
        a->next = *bucket;
        *bucket = TAKE_PTR(a);
        t->n_authorities++;
        t->generation++;
        return 0;
}

static int authority_link(const EkTrust *t, Authority *a) {
        ByteView issuer = a->certificate.parts.issuer;
        Authority *first = t->buckets[bucket_of(issuer)];
        size_t n = 0;

        for (Authority *i = match(first, issuer); i; i = match(i->next, issuer))
                n++;
        free(TAKE_PTR(a->issuers));
        a->n_issuers = 0;
        if (n > 0) {
                a->issuers = calloc(n, sizeof(Authority *));
                if (!a->issuers)
                        return -ENOMEM;
                for (Authority *i = match(first, issuer); i; i = match(i->next, issuer))
                        if (i != a && authority_signed(i, &a->certificate, false))
                                a->issuers[a->n_issuers++] = i;
        }
        a->linked = t->generation;
        return 0;
}

static bool dates_hold(const Certificate *c, int64_t now) {
        return c->not_before <= now && now <= c->not_after;
}

/* length: certificates of the chain, a included; below: how many of them a's pathLenConstraint counts (not
 * the leaf and not self-issued ones). */
static EkChain chain_from(const EkTrust *t, Authority *a, unsigned length, unsigned below, int64_t now) {
        const Certificate *c = &a->certificate;
        EkChain best = EK_CHAIN_NONE, own = dates_hold(c, now) ? EK_CHAIN_GOOD : EK_CHAIN_EXPIRED;

        if (length > EK_CHAIN_MAX || (c->path_length >= 0 && below > (unsigned) c->path_length))
                return EK_CHAIN_NONE;
        if (a->anchor)
                return own;
        if (a->linked != t->generation && authority_link(t, a) < 0)
                return EK_CHAIN_NONE;

        below += !certificate_self_issued(c);
        for (size_t i = 0; i < a->n_issuers && best < own; i++) {
                EkChain k = chain_from(t, a->issuers[i], length + 1, below, now);
                best = MAX_OF(best, MIN_OF(k, own));
        }
        return best;
}

EkChain ek_trust_chain(const EkTrust *t, const Certificate *leaf, int64_t now) {
        EkChain best = EK_CHAIN_NONE, own = dates_hold(leaf, now) ? EK_CHAIN_GOOD : EK_CHAIN_EXPIRED;
        ByteView issuer = leaf->parts.issuer;
        Authority *first = t->buckets[bucket_of(issuer)];

        for (Authority *a = match(first, issuer); a && best < own; a = match(a->next, issuer)) {
                EkChain k = MIN_OF(chain_from(t, a, 2, 0, now), own);
                /* The leaf's signature, which costs most, only where it can change the answer. */
                if (k > best && authority_signed(a, leaf, false))
                        best = k;
        }
        return best;
}
