/* SPDX-License-Identifier: MIT */
#include "protocol/issued-record.h"

#include "test.h"

static const ByteView KEY = { .data = (const uint8_t *) "ikey", .size = 4 };

static void test_issued(void) {
        uint8_t record[ISSUED_RECORD_MAX], der[ISSUED_CERTIFICATE_MAX + 1] = { 0x30 };
        Issued i = { .serial = { 5 }, .ek_hash = { 6 }, .issued = 10, .not_after = 20, .place = 7, .previous = 3,
                     .certificate = VIEW(der, 2048) }, back;

        int n = issued_record_encode(KEY, &i, record);
        check(n > 0);
        check_int(issued_record_decode(KEY, VIEW(record, n), &back), 0);
        check(view_equal(back.certificate, i.certificate));
        check_int(back.serial[0], 5);
        check_int(back.not_after, 20);
        check_int(back.place, 7);
        check_int(back.previous, 3);
        check(back.end_recorded);
        record[100] ^= 1;
        check_int(issued_record_decode(KEY, VIEW(record, n), &back), -EBADMSG);
        i.certificate.size++;
        check_int(issued_record_encode(KEY, &i, record), -E2BIG);
}

/* As the first version wrote it. */
static void test_old_issued(void) {
        uint8_t record[ISSUED_RECORD_MAX];
        ByteWriter w = WRITER(record, sizeof(record));
        Issued back;

        write_u8(&w, 1);
        write_zeros(&w, AK_SERIAL_SIZE + 32);
        write_u64(&w, 10);
        write_u64(&w, 20);
        write_u16(&w, 3);
        write_bytes(&w, "der", 3);
        check_int(record_seal(KEY, &w), 0);
        check_int(issued_record_decode(KEY, writer_view(&w), &back), 0);
        check_int(back.place, 0);
        check_int(back.previous, 0);
        check(!back.end_recorded);
        check(view_equal(back.certificate, VIEW_STR("der")));
}

static void test_revocations(void) {
        Revocation v = { .serial = { 1 }, .issuer = { 2 }, .reason = REVOKED_KEY_COMPROMISE, .revoked = 30, .not_after = 40 },
                   back;
        uint8_t record[REVOCATION_RECORD_MAX];

        int n = revocation_record_encode(KEY, &v, record);
        check(n > 0);
        check_int(revocation_record_decode(KEY, VIEW(record, n), &back), 0);
        check(memcmp(&v, &back, sizeof(v)) == 0);
        record[0] ^= 2;
        check_int(revocation_record_decode(KEY, VIEW(record, n), &back), -EBADMSG);
        v.reason = (RevocationReason) 2; /* of a CA's key */
        n = revocation_record_encode(KEY, &v, record);
        check_int(revocation_record_decode(KEY, VIEW(record, n), &back), -EBADMSG);
}

static void test_reasons(void) {
        RevocationReason r = REVOKED_SUPERSEDED;
        unsigned n = 0;

        for (unsigned i = 0; i < 2 * _REVOKED_REASON_MAX; i++) {
                const char *text = revocation_reason_to_string((RevocationReason) i);
                if (!text)
                        continue;
                n++;
                check_int(revocation_reason_from_string(text, &r), 0);
                check_int(r, i);
        }
        check_int(n, 6);
        check_int(revocation_reason_from_string("superseded ", &r), -EINVAL);
        check_int(revocation_reason_from_string("", &r), -EINVAL);
        check_int(r, REVOKED_PRIVILEGE_WITHDRAWN);
}

int main(void) {
        test_issued();
        test_old_issued();
        test_revocations();
        test_reasons();
        return EXIT_SUCCESS;
}
