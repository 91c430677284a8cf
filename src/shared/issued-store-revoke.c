/* SPDX-License-Identifier: MIT */
#include "protocol/gnutls-types.h"
#include "shared/issued-store.h"

int issued_store_revocation(IssuedStore *s, const uint8_t serial[static AK_SERIAL_SIZE], Revocation *ret) {
        SealedKey k = sealed_key('x', VIEW(serial, AK_SERIAL_SIZE));
        _cleanup_bytes_ Bytes record = BYTES_NULL;

        int r = record_store_get(s->records, sealed_key_view(&k), &record);
        if (r < 0)
                return r;
        return revocation_record_decode(sealed_key_view(&k), bytes_view(&record), ret) < 0 ? -EUCLEAN : 0;
}

/* Whose list: by the authority key identifier. What does not say is put on the list of the issuer of now. */
static void find_issuer(ByteView certificate, uint8_t ret[static ISSUER_ID_SIZE]) {
        _cleanup_(gnutls_x509_crt_deinitp) gnutls_x509_crt_t crt = NULL;
        gnutls_datum_t d = datum_of(certificate);
        uint8_t id[64];
        size_t n = sizeof(id);

        memset(ret, 0, ISSUER_ID_SIZE);
        if (gnutls_x509_crt_init(&crt) >= 0 && gnutls_x509_crt_import(crt, &d, GNUTLS_X509_FMT_DER) >= 0 &&
            gnutls_x509_crt_get_authority_key_id(crt, id, &n, NULL) >= 0)
                memcpy(ret, id, MIN_OF(n, (size_t) ISSUER_ID_SIZE));
}

static int put_revocation(IssuedStore *s, const Revocation *v) {
        SealedKey k = sealed_key('x', VIEW_ARRAY(v->serial));
        uint8_t record[REVOCATION_RECORD_MAX];

        int n = revocation_record_encode(sealed_key_view(&k), v, record);
        if (n < 0)
                return n;
        int r = record_store_put(s->records, sealed_key_view(&k), VIEW(record, n));
        if (r >= 0)
                r = sealed_put(s->records, sealed_key_number('v', s->counts.revocations + 1), VIEW_ARRAY(v->serial));
        if (r < 0)
                return r;
        s->counts.revocations++;
        return 0;
}

static int revoke_issued(IssuedStore *s, const Issued *i, RevocationReason reason, int64_t now) {
        Revocation v = { .reason = reason, .revoked = now, .not_after = i->not_after }, there;

        if (i->not_after < now)
                return 0;
        int r = issued_store_revocation(s, i->serial, &there);
        if (r != -ENOENT)
                return r < 0 ? r : 0;
        memcpy(v.serial, i->serial, sizeof(v.serial));
        find_issuer(i->certificate, v.issuer);
        r = put_revocation(s, &v);
        return r < 0 ? -EIO : 1;
}

int issued_store_revoke(IssuedStore *s, const uint8_t serial[static AK_SERIAL_SIZE], RevocationReason reason,
                        int64_t now) {
        _cleanup_bytes_ Bytes record = BYTES_NULL;
        Issued i;

        int r = issued_store_get(s, serial, &i, &record);
        return r < 0 ? r : revoke_issued(s, &i, reason, now);
}

int issued_store_held(IssuedStore *s, const uint8_t hash[static 32], int64_t now, const RevocationReason *revoke,
                      IssuedHeld *ret) {
        _cleanup_bytes_ Bytes record = BYTES_NULL;
        IssuedHeld held = {};
        uint64_t place = 0;
        Issued i;

        do {
                int r = issued_store_walk(s, hash, &place, &i, &record);
                if (r == -ENOENT)
                        break;
                if (r < 0)
                        return r;
                held.last = MAX_OF(held.last, i.not_after);
                if (i.not_after < now)
                        continue;
                held.until = MAX_OF(held.until, i.not_after);
                r = revoke ? revoke_issued(s, &i, *revoke, now) : 0;
                if (r < 0)
                        return r;
                held.revoked += (unsigned) r;
        } while (place > 0 && i.issued + AK_LIFETIME_MAX >= now);
        *ret = held;
        return 0;
}

static int add_live(IssuedStore *s, uint64_t number, int64_t now, Revocation *list, size_t *n) {
        uint8_t serial[AK_SERIAL_SIZE];
        Revocation v;

        int r = sealed_get_exact(s->records, sealed_key_number('v', number), serial, sizeof(serial));
        if (r >= 0)
                r = issued_store_revocation(s, serial, &v);
        if (r < 0)
                return r == -ENOENT ? -EUCLEAN : r;
        if (v.not_after >= now)
                list[(*n)++] = v;
        return 0;
}

int issued_store_revoked(IssuedStore *s, int64_t now, Revocation **ret, size_t *ret_n) {
        uint64_t first = MAX_OF(s->committed.first_live, (uint64_t) 1), last = s->committed.revocations;
        _cleanup_free_ Revocation *list = calloc(last + 1, sizeof(*list));
        size_t n = 0;

        if (!list)
                return -ENOMEM;
        for (uint64_t number = first; number <= last; number++) {
                int r = add_live(s, number, now, list, &n);
                if (r < 0)
                        return r;
                if (n == 0)
                        s->counts.first_live = s->committed.first_live = number + 1; /* on disk with the next change */
        }
        *ret = TAKE_PTR(list);
        *ret_n = n;
        return 0;
}

int issued_store_crl_get(IssuedStore *s, Bytes *ret_pem) {
        _cleanup_bytes_ Bytes record = BYTES_NULL;
        ByteView body;

        int r = sealed_get(s->records, sealed_key('C', VIEW_NULL), &record, &body);
        return r < 0 ? r : bytes_copy(body, ret_pem);
}

int issued_store_crl_put(IssuedStore *s, const CrlState *state, ByteView pem) {
        if (state->number != s->counts.crl.number + 1)
                return -EEXIST;
        if (sealed_put_large(s->records, sealed_key('C', VIEW_NULL), pem) < 0)
                return -EIO;
        s->counts.crl = *state;
        return 0;
}
