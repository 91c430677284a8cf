/* SPDX-License-Identifier: MIT */
#include "test.h"

#include "protocol/device-record.h"

static const ByteView KEY = { .data = (const uint8_t *) "dkey", .size = 4 };

static Device sample(void) {
        return (Device) {
                .ek_hash = { 1, 2, 3 },
                .n_names = 2,
                .names = { "Framework", "laptop-7" },
                .pinned = true,
                .ak_lifetime = 86400,
                .note = "Anna’s, on loan",
                .created = 1800000000,
                .last_issued = 1800000100,
                .last_seen = 1800000200,
                .expires = 1900000000,
                .issued = 7,
                .version = 9,
                .sequence = 8,
                .operation = { 0xaa },
        };
}

static void test_device(void) {
        uint8_t record[DEVICE_RECORD_MAX];
        Device d = sample(), back;

        int n = device_record_encode(KEY, &d, record);
        check(n > 0);
        memset(&back, 0xff, sizeof(back));
        check_int(device_record_decode(KEY, VIEW(record, n), &back), 0);
        check(memcmp(back.ek_hash, d.ek_hash, 32) == 0);
        check_int(back.n_names, 2);
        check_str(back.names[0], "Framework");
        check_str(back.names[1], "laptop-7");
        check(back.pinned && !back.any_name && !back.disabled);
        check_int(back.ak_lifetime, 86400);
        check_str(back.note, d.note);
        check_int(back.created, d.created);
        check_int(back.last_issued, d.last_issued);
        check_int(back.last_seen, d.last_seen);
        check_int(back.expires, d.expires);
        check_int(back.issued, 7);
        check_int(back.version, 9);
        check_int(back.sequence, 8);
        check_int(back.operation[0], 0xaa);

        /* Every damaged byte, every truncation, and another key are noticed. */
        for (int i = 0; i < n; i++) {
                record[i] ^= 0x20;
                check_int(device_record_decode(KEY, VIEW(record, n), &back), -EBADMSG);
                record[i] ^= 0x20;
                check_int(device_record_decode(KEY, VIEW(record, i), &back), -EBADMSG);
        }
        check_int(device_record_decode(VIEW_STR("dkex"), VIEW(record, n), &back), -EBADMSG);
}

/* As version 1 wrote it: without last_seen and expires. */
static void test_upgrade(void) {
        static const char old[] =
                "010102030000000000000000000000000000000000000000000000000000000000020000000000015180000000006b49d2000000"
                "00006b49d264000000000000000700000000000000090000000000000008aa0000000000000000000000000000000200094672"
                "616d65776f726b00086c6170746f702d370011416e6e61e28099732c206f6e206c6f616e923bd085bb6da102";
        uint8_t key[33] = { 'd', 1, 2, 3 }, record[DEVICE_RECORD_MAX];
        _cleanup_bytes_ Bytes bytes = BYTES_NULL;
        Device d = sample(), back;

        check_int(hex_decode(old, strlen(old), &bytes), 0);
        check_int(device_record_decode(VIEW_ARRAY(key), bytes_view(&bytes), &back), 0);
        check_str(back.names[1], "laptop-7");
        check_str(back.note, d.note);
        check_int(back.issued, 7);
        check_int(back.last_seen, d.last_issued);
        check_int(back.expires, 0);
        check(device_record_encode(VIEW_ARRAY(key), &back, record) > (int) bytes.size + 16);

        /* One of a program that does not exist yet. */
        bytes.data[0] = 3;
        ByteWriter w = WRITER(record, sizeof(record));
        write_bytes(&w, bytes.data, bytes.size - 8);
        check_int(record_seal(VIEW_ARRAY(key), &w), 0);
        check_int(device_record_decode(VIEW_ARRAY(key), writer_view(&w), &back), -EBADMSG);
}

/* Of any size it takes whole units of the file, and comes back as it was; no byte of it may change. */
static void test_seal(void) {
        static const uint8_t body[3 * RECORD_UNIT] = { 1, 2, 3 };
        uint8_t record[sizeof(body) + RECORD_SEAL_MAX];
        ByteView back;

        for (size_t n = 0; n <= sizeof(body); n++) {
                ByteWriter w = WRITER(record, sizeof(record));
                write_bytes(&w, body, n);
                check_int(record_seal(KEY, &w), 0);
                check(w.size > n + 8 && w.size <= n + RECORD_SEAL_MAX);
                check_int((w.size + KEY.size + RECORD_OVERHEAD) % RECORD_UNIT, 0);
                check_int(record_unseal(KEY, writer_view(&w), &back), 0);
                check(view_equal(back, VIEW(body, n)));
                for (size_t at = 0; at < w.size; at++) {
                        record[at] ^= 1;
                        check_int(record_unseal(KEY, writer_view(&w), &back), -EBADMSG);
                        record[at] ^= 1;
                }
                w = WRITER(record, n + 8);
                write_bytes(&w, body, n);
                check_int(record_seal(KEY, &w), -E2BIG);
        }
}

static void test_largest(void) {
        uint8_t record[DEVICE_RECORD_MAX];
        Device d = sample(), back;

        d.n_names = DEVICE_NAMES_MAX;
        for (unsigned i = 0; i < DEVICE_NAMES_MAX; i++) {
                memset(d.names[i], 'g' + (int) i, DEVICE_NAME_MAX);
                d.names[i][DEVICE_NAME_MAX] = 0;
        }
        memset(d.note, 'x', DEVICE_NOTE_MAX);
        d.note[DEVICE_NOTE_MAX] = 0;
        int n = device_record_encode(KEY, &d, record);
        check(n > 0);
        check_int(device_record_decode(KEY, VIEW(record, n), &back), 0);
        check_str(back.note, d.note);
}

static void test_denied(void) {
        uint8_t record[DEVICE_RECORD_MAX];
        Device d = sample(), back;

        d.disabled = d.denied = d.untrusted = true;
        int n = device_record_encode(KEY, &d, record);
        check(n > 0);
        check_int(device_record_decode(KEY, VIEW(record, n), &back), 0);
        check(back.disabled && back.denied && back.untrusted);
        d.untrusted = false;
        n = device_record_encode(KEY, &d, record);
        check_int(device_record_decode(KEY, VIEW(record, n), &back), 0);
        check(back.denied && !back.untrusted);
        d.denied = false;
        d.untrusted = true; /* said of those that were denied only */
        check_int(device_check(&d), -EINVAL);
}

static void test_check(void) {
        Device d = sample();

        check_int(device_check(&d), 0);
        strcpy(d.names[1], "FRAMEWORK");
        check_int(device_check(&d), -EINVAL);
        d = sample();
        strcpy(d.names[1], "no spaces");
        check_int(device_check(&d), -EINVAL);
        d = sample();
        d.any_name = true;
        check_int(device_check(&d), -EINVAL);
        d = sample();
        d.ak_lifetime = -1;
        check_int(device_check(&d), -EINVAL);
        d.ak_lifetime = AK_LIFETIME_MAX + 1;
        check_int(device_check(&d), -EINVAL);
        d = sample();
        d.expires = -1;
        check_int(device_check(&d), -EINVAL);

        static const char *const notes[] = { "\xff", "\xc0\x80", "\xed\xa0\x80", "\xe2\x80", "\xf4\x90\x80\x80", "a\x80" };
        for (size_t i = 0; i < ELEMENTSOF(notes); i++) {
                d = sample();
                strcpy(d.note, notes[i]);
                check_int(device_check(&d), -EINVAL);
        }
}

int main(void) {
        test_device();
        test_upgrade();
        test_seal();
        test_largest();
        test_denied();
        test_check();
        return EXIT_SUCCESS;
}
