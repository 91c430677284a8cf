/* SPDX-License-Identifier: MIT */
#include "protocol/issued-record.h"

#define ISSUED_VERSION_1 1U /* without a place in the listing */
#define ISSUED_VERSION_2 2U /* its entry in the record of what was signed does not say when it ends */
#define ISSUED_VERSION 3U
#define REVOCATION_VERSION 1U

static const char *const reasons[_REVOKED_REASON_MAX] = {
        [REVOKED_UNSPECIFIED] = "unspecified",
        [REVOKED_KEY_COMPROMISE] = "key-compromise",
        [REVOKED_AFFILIATION_CHANGED] = "affiliation-changed",
        [REVOKED_SUPERSEDED] = "superseded",
        [REVOKED_CESSATION_OF_OPERATION] = "cessation-of-operation",
        [REVOKED_PRIVILEGE_WITHDRAWN] = "privilege-withdrawn",
};

const char *revocation_reason_to_string(RevocationReason r) {
        return r < _REVOKED_REASON_MAX ? reasons[r] : NULL;
}

int revocation_reason_from_string(const char *text, RevocationReason *ret) {
        for (unsigned i = 0; i < _REVOKED_REASON_MAX; i++)
                if (reasons[i] && strcmp(reasons[i], text) == 0) {
                        *ret = (RevocationReason) i;
                        return 0;
                }
        return -EINVAL;
}

int issued_record_encode(ByteView key, const Issued *i, uint8_t ret[static ISSUED_RECORD_MAX]) {
        ByteWriter w = WRITER(ret, ISSUED_RECORD_MAX);

        if (i->certificate.size > ISSUED_CERTIFICATE_MAX)
                return -E2BIG;
        write_u8(&w, ISSUED_VERSION);
        write_bytes(&w, i->serial, sizeof(i->serial));
        write_bytes(&w, i->ek_hash, sizeof(i->ek_hash));
        write_u64(&w, (uint64_t) i->issued);
        write_u64(&w, (uint64_t) i->not_after);
        write_u64(&w, i->place);
        write_u64(&w, i->previous);
        write_u16(&w, (uint16_t) i->certificate.size);
        write_view(&w, i->certificate);

        int r = record_seal(key, &w);
        return r < 0 ? r : (int) w.size;
}

int issued_record_decode(ByteView key, ByteView record, Issued *ret) {
        ByteView body;
        Issued i = {};

        int r = record_unseal(key, record, &body);
        if (r < 0)
                return r;

        ByteReader in = READER(body);
        uint8_t version = read_u8(&in);
        if (version < ISSUED_VERSION_1 || version > ISSUED_VERSION)
                return -EBADMSG;
        read_into(&in, i.serial, sizeof(i.serial));
        read_into(&in, i.ek_hash, sizeof(i.ek_hash));
        i.issued = (int64_t) read_u64(&in);
        i.not_after = (int64_t) read_u64(&in);
        if (version != ISSUED_VERSION_1) {
                i.place = read_u64(&in);
                i.previous = read_u64(&in);
        }
        i.end_recorded = version != ISSUED_VERSION_1 && version != ISSUED_VERSION_2;
        i.certificate = read_view(&in, read_u16(&in));
        if (!reader_done(&in) || i.certificate.size > ISSUED_CERTIFICATE_MAX)
                return -EBADMSG;

        *ret = i;
        return 0;
}

int revocation_record_encode(ByteView key, const Revocation *v, uint8_t ret[static REVOCATION_RECORD_MAX]) {
        ByteWriter w = WRITER(ret, REVOCATION_RECORD_MAX);

        write_u8(&w, REVOCATION_VERSION);
        write_bytes(&w, v->serial, sizeof(v->serial));
        write_bytes(&w, v->issuer, sizeof(v->issuer));
        write_u8(&w, (uint8_t) v->reason);
        write_u64(&w, (uint64_t) v->revoked);
        write_u64(&w, (uint64_t) v->not_after);

        int r = record_seal(key, &w);
        return r < 0 ? r : (int) w.size;
}

int revocation_record_decode(ByteView key, ByteView record, Revocation *ret) {
        ByteView body;
        Revocation v = {};

        int r = record_unseal(key, record, &body);
        if (r < 0)
                return r;

        ByteReader in = READER(body);
        if (read_u8(&in) != REVOCATION_VERSION)
                return -EBADMSG;
        read_into(&in, v.serial, sizeof(v.serial));
        read_into(&in, v.issuer, sizeof(v.issuer));
        v.reason = (RevocationReason) read_u8(&in);
        v.revoked = (int64_t) read_u64(&in);
        v.not_after = (int64_t) read_u64(&in);
        if (!reader_done(&in) || !revocation_reason_to_string(v.reason))
                return -EBADMSG;

        *ret = v;
        return 0;
}
