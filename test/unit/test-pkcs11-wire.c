/* SPDX-License-Identifier: MIT */
#include "pkcs11-client.h"
#include "protocol/pkcs11-wire.h"

static void test_frame_size(void) {
        static const uint8_t whole[] = { 0, 0, 0, 0x10, 0, 0, 0, 6, 0, 0, 1, 0 };
        uint8_t h[PKCS11_FRAME_HEADER];
        ByteWriter w;
        size_t n = 77;

        for (size_t i = 0; i < sizeof(whole); i++)
                check_int(pkcs11_frame_size(VIEW(whole, i), &n), -EAGAIN);
        check_int(n, 77);
        check_int(pkcs11_frame_size(VIEW_ARRAY(whole), &n), 0);
        check_int(n, 12 + 6 + 256);

        static const struct {
                uint32_t code, options, body;
                int r;
        } rows[] = {
                { 0, 0, 8, -EBADMSG },
                { UINT32_MAX, 0, 0, 0 },
                { 1, 0, PKCS11_FRAME_MAX - 12, 0 },
                { 1, 0, PKCS11_FRAME_MAX - 11, -EBADMSG },
                { 1, PKCS11_FRAME_MAX - 20, 8, 0 },
                { 1, PKCS11_FRAME_MAX - 20, 9, -EBADMSG },
                { 1, UINT32_MAX, 0, -EBADMSG },
                { 1, 0, UINT32_MAX, -EBADMSG },
                { 1, UINT32_MAX, UINT32_MAX, -EBADMSG },
                { 1, 0x80000000, 0x80000000, -EBADMSG },
        };
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                w = WRITER(h, sizeof(h));
                write_u32(&w, rows[i].code);
                write_u32(&w, rows[i].options);
                write_u32(&w, rows[i].body);
                check_int(pkcs11_frame_size(VIEW_ARRAY(h), &n), rows[i].r);
        }
}

static void test_request(void) {
        Pkcs11Request q;
        Frame f;

        frame_begin(&f, 10, "uu");
        write_u64(&f.w, 1);
        write_u64(&f.w, 4);
        ByteView frame = frame_end(&f);
        check_int(pkcs11_request_read(frame, &q), 0);
        check_int(q.code, CODE);
        check_int(q.call, 10);
        Pkcs11Reader r = pkcs11_request_arguments(&q, "uu");
        check_int(pkcs11_read_ulong(&r), 1);
        check(!pkcs11_reader_done(&r));
        check_int(pkcs11_read_ulong(&r), 4);
        check(pkcs11_reader_done(&r));

        /* another signature; another letter than the next one; more than there is */
        r = pkcs11_request_arguments(&q, "u");
        check(r.bytes.failed);
        r = pkcs11_request_arguments(&q, "uu");
        (void) pkcs11_read_byte(&r);
        check(r.bytes.failed);
        r = pkcs11_request_arguments(&q, "uu");
        (void) pkcs11_read_ulong(&r);
        (void) pkcs11_read_ulong(&r);
        (void) pkcs11_read_ulong(&r);
        check(r.bytes.failed);

        for (size_t i = 0; i < frame.size; i++)
                check_int(pkcs11_request_read(VIEW(frame.data, i), &q), -EBADMSG);
        frame_begin(&f, 1, "uuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuu");
        check_int(pkcs11_request_read(frame_end(&f), &q), -EBADMSG);
        f.w = WRITER(f.data, sizeof(f.data));
        put_hex(&f, "00000010 00000000 00000008 0000000a 7fffffff"); /* a signature that is not there */
        check_int(pkcs11_request_read(writer_view(&f.w), &q), -EBADMSG);
        f.w = WRITER(f.data, sizeof(f.data));
        put_hex(&f, "00000010 00000000 00000003 000000");
        check_int(pkcs11_request_read(writer_view(&f.w), &q), -EBADMSG);
}

/* --- Arguments --- */

static Pkcs11Reader reader_of(const Bytes *b, const char *signature) {
        return (Pkcs11Reader) { .bytes = READER(bytes_view(b)), .signature = signature };
}

static void test_data(void) {
        static const struct {
                const char *hex;
                bool good, null;
                size_t size;
        } rows[] = {
                { "01 00000003 616263", true, false, 3 },
                { "01 00000000", true, false, 0 },
                { "00 00000009", true, true, 9 },
                { "01 ffffffff", true, true, 0 },
                { "01 00000004 616263", false, true, 0 },
                { "01 7fffffff 616263", false, true, 0 },
                { "01 fffffffe", false, true, 0 },
                { "02 00000000", false, true, 0 },
                { "01 000000", false, true, 0 },
                { "", false, true, 0 },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                _cleanup_bytes_ Bytes b = test_unhex(rows[i].hex);
                Pkcs11Reader r = reader_of(&b, "ay");
                Pkcs11Data d = pkcs11_read_data(&r);
                check_int(pkcs11_reader_done(&r), rows[i].good);
                check_int(d.null, rows[i].null);
                check_int(d.size, rows[i].size);
        }

        _cleanup_bytes_ Bytes rooms = test_unhex("00000000 00000100 ffffffff 00000007");
        Pkcs11Reader r = reader_of(&rooms, "fyfyfyfu");
        check_int(pkcs11_read_room(&r), 0);
        check_int(pkcs11_read_room(&r), 256);
        check_int(pkcs11_read_room(&r), 0);
        check_int(pkcs11_read_room(&r), 7);
        check(pkcs11_reader_done(&r));
}

static void test_wanted(void) {
        static const struct {
                const char *hex;
                bool good, too_many;
                size_t n;
        } rows[] = {
                { "00000000", true, false, 0 },
                { "00000002 00000003 00000000 00000011 00001000", true, false, 2 },
                { "00000002 00000003 00000000 00000011 000010", false, false, 2 },
                { "00000041 00000003", false, true, 0 },
                { "00061a80 00000003", false, true, 0 },
                { "ffffffff", false, true, 0 },
                /* an array, no room; with room, as clients before 0.25.4 send it; as later ones do; twice nested */
                { "00000001 40000211 00000000", true, false, 1 },
                { "00000002 40000211 00000100 00000003 00000000", true, false, 2 },
                { "00000002 40000211 00000100 00000001 00000000 00000008 00000003 00000000", true, false, 2 },
                { "00000001 40000211 00000100 00000001 40000212 00000008 00000001 00000000 00000008", true, false, 1 },
                { "00000001 40000211 00000100 00000001 40000212 00000008 00000001 40000213 00000008 00000000",
                  false, true, 1 },
                { "00000001 40000211 00000100 00000040", false, false, 1 },
                { "00000001 40000211 00000100 7fffffff 00000000 00000008", false, false, 1 },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                _cleanup_bytes_ Bytes b = test_unhex(rows[i].hex);
                Pkcs11Reader r = reader_of(&b, "fA");
                Pkcs11WantedList list;
                pkcs11_read_wanted(&r, &list);
                check_int(list.too_many, rows[i].too_many);
                check_int(list.n, rows[i].n);
                check_int(pkcs11_reader_done(&r) && !list.too_many, rows[i].good);
        }
}

static void test_template(void) {
        static const struct {
                const char *hex;
                bool good, too_many, unmatchable;
                size_t n;
        } rows[] = {
                { "00000000", true, false, false, 0 },
                /* CLASS, TOKEN, LABEL, START_DATE, ALLOWED_MECHANISMS; then with values cut and sizes bent */
                { "00000002 00000000 01 00000008 0000000000000001 00000001 01 00000001 01", true, false, false, 2 },
                { "00000001 00000003 01 00000003 00000003 616263", true, false, false, 1 },
                { "00000001 00000110 01 00000008 00000008 3230323631323331", true, false, false, 1 },
                { "00000001 40000600 01 00000008 00000001 000000000000000d", true, false, false, 1 },
                { "00000001 40000600 01 00000008 ffffffff 000000000000000d", false, false, false, 1 },
                { "00000001 00000003 01 00000003 00000004 616263", false, false, false, 1 },
                { "00000001 00000003 01 00000000 ffffffff", true, false, false, 1 },
                { "00000001 00000000 01 00000008 00000000000000", false, false, false, 1 },
                { "00000001 00000000", false, false, false, 0 },
                { "00000001 00000000 00", true, false, true, 0 },
                /* of a vendor, and an array of arrays: no object has them, nobody reads on */
                { "00000002 ce534351 01 00000001 0000", true, false, true, 0 },
                { "00000001 40000211 01 00000018 00000001 40000211 01 00000018 00000001", true, false, true, 0 },
                { "00000041", false, true, false, 0 },
                { "00061a80 40000211 01", false, true, false, 0 },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                _cleanup_bytes_ Bytes b = test_unhex(rows[i].hex);
                Pkcs11Reader r = reader_of(&b, "aA");
                Pkcs11Template t;
                pkcs11_read_template(&r, &t);
                check_int(t.too_many, rows[i].too_many);
                check_int(t.unmatchable, rows[i].unmatchable);
                check_int(t.n, rows[i].n);
                check_int(pkcs11_reader_done(&r) && !t.too_many, rows[i].good);
        }
}

/* --- Mechanisms --- */

#define SESSION "0000000000000001"
#define KEY "0000000000000002"
#define PSS "0000000000000250 0000000000000002 0000000000000020"
#define OAEP "0000000000000220 0000000000000001 0000000000000001"

typedef struct MechanismRow {
        const char *hex;
        bool good;
        Pkcs11Mechanism m;
} MechanismRow;

static void check_mechanism(const MechanismRow *row) {
        _cleanup_bytes_ Bytes b = test_unhex(row->hex);
        Pkcs11Reader r = reader_of(&b, "uMu");
        Pkcs11Mechanism m = {};

        check_int(pkcs11_read_ulong(&r), 1);
        pkcs11_read_mechanism(&r, &m);
        uint64_t key = pkcs11_read_ulong(&r);
        check_int(pkcs11_reader_done(&r), row->good);
        if (!row->good)
                return;
        check_int(key, 2);
        check_int(m.type, row->m.type);
        check_int(m.cancel, row->m.cancel);
        check_int(m.parameter, row->m.parameter);
        check_int(m.unknown, row->m.unknown);
        check_int(m.hash, row->m.hash);
        check_int(m.mgf, row->m.mgf);
        check_int(m.salt, row->m.salt);
        check_int(m.source, row->m.source);
        check(view_equal(m.label, row->m.label));
}

static void test_mechanisms(void) {
        static const uint8_t label[] = { 'a', 'b' };
        const Pkcs11Mechanism pss = { .type = 0xd, .parameter = true, .hash = 0x250, .mgf = 2, .salt = 32 };
        const Pkcs11Mechanism oaep = { .type = 9, .parameter = true, .hash = 0x220, .mgf = 1, .source = 1 };
        Pkcs11Mechanism labelled = oaep, hashed = pss;
        labelled.label = VIEW_ARRAY(label);
        hashed.type = 0x43;
        const MechanismRow rows[] = {
                /* as 0.24.1 and 0.25.5 send them */
                { SESSION "0000000d" PSS KEY, true, pss },
                { SESSION "00000043" PSS KEY, true, hashed },
                { SESSION "00000009" OAEP "ffffffff" KEY, true, oaep },
                { SESSION "00000009" OAEP "00000000" KEY, true, oaep },
                { SESSION "00000009" OAEP "00000002 6162" KEY, true, labelled },
                { SESSION "00000001 ffffffff" KEY, true, { .type = 1 } },
                { SESSION "00001041 ffffffff" KEY, true, { .type = 0x1041 } },
                /* as 0.25.6 to 0.26.4 do */
                { SESSION "0000000d 01" PSS KEY, true, pss },
                { SESSION "00000043 01" PSS KEY, true, hashed },
                { SESSION "00000009 01" OAEP "ffffffff" KEY, true, oaep },
                { SESSION "00000009 01" OAEP "00000002 6162" KEY, true, labelled },
                { SESSION "00000040" KEY, true, { .type = 0x40 } },
                { SESSION "0000000d 00" KEY, true, { .type = 0xd } },
                /* NULL */
                { SESSION "ffffffff" KEY, true, { .type = UINT32_MAX, .cancel = true } },
                /* one that we do not know: ECDH1_DERIVE */
                { SESSION "00001050 01 0000000000000001 ffffffff 00000002 0405" KEY, true,
                  { .type = 0x1050, .parameter = true, .unknown = true } },
                /* none of these */
                { SESSION "0000000d 02" PSS KEY, false, {} },
                { SESSION "0000000d 01" PSS "00" KEY, false, {} },
                { SESSION "0000000d" PSS "00" KEY, false, {} },
                { SESSION "0000000d 01 0000000000000250 0000000000000002" KEY, false, {} },
                { SESSION "00000009" OAEP "00000003 6162" KEY, false, {} },
                { SESSION "00000009" OAEP "fffffffe 6162" KEY, false, {} },
                { SESSION "0000000d 01" KEY, false, {} },
                { SESSION "0000000d" "00000000000000", false, {} },
                { SESSION "0000", false, {} },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++)
                check_mechanism(&rows[i]);
}

static void test_mechanism_cut(void) {
        static const char *const all[] = {
                SESSION "0000000d" PSS KEY, SESSION "0000000d 01" PSS KEY, SESSION "00000009" OAEP "00000002 6162" KEY,
        };

        for (size_t i = 0; i < ELEMENTSOF(all); i++) {
                _cleanup_bytes_ Bytes b = test_unhex(all[i]);
                for (size_t n = 0; n < b.size; n++) {
                        /* An allocation of just that size, for the sanitizer. */
                        _cleanup_free_ uint8_t *copy = malloc(n + 1);
                        Pkcs11Mechanism m = {};
                        check(copy);
                        memcpy(copy, b.data, n);
                        Pkcs11Reader r = { .bytes = READER(VIEW(copy, n)), .signature = "uMu" };
                        (void) pkcs11_read_ulong(&r);
                        pkcs11_read_mechanism(&r, &m);
                        (void) pkcs11_read_ulong(&r);
                        /* what is left may be a mechanism without parameter and a key */
                        check(!pkcs11_reader_done(&r) || !m.parameter);
                }
        }
}

/* --- Replies --- */

static void test_reply(void) {
        static const uint32_t list[] = { 1, 0x1041 };
        _cleanup_pkcs11_writer_ Pkcs11Writer w = {};
        _cleanup_bytes_ Bytes b = BYTES_NULL, e = BYTES_NULL;

        pkcs11_reply_begin(&w, 0x11, 8, "yuvsayayauauaAu");
        pkcs11_write_byte(&w, 7);
        pkcs11_write_ulong(&w, 0x123456789aULL);
        pkcs11_write_version(&w, 2, 40);
        pkcs11_write_text(&w, "abcdef", 4);
        pkcs11_write_data(&w, VIEW("xyz", 3));
        pkcs11_write_data_size(&w, 256);
        pkcs11_write_ulongs(&w, list, 2);
        pkcs11_write_ulongs_count(&w, 3);
        pkcs11_write_attributes(&w, 1);
        pkcs11_write_attribute(&w, CKA_LABEL, VIEW("k", 1));
        pkcs11_write_ulong(&w, 0);
        check_int(pkcs11_reply_end(&w, &b), 0);
        check_hex(bytes_view(&b),
                  "00000011 00000000 0000006b 00000008 0000000f 797576736179617961756175614175"
                  "07 000000123456789a 0228 00000004 61626364 01 00000003 78797a 00 00000100"
                  "01 00000002 0000000000000001 0000000000001041 00 00000003"
                  "00000001 00000003 01 00000001 00000001 6b 0000000000000000");

        check_int(pkcs11_error_reply(0x12, CKR_TOKEN_NOT_PRESENT, &e), 0);
        check_hex(bytes_view(&e), "00000012 00000000 00000011 00000000 00000001 75 00000000000000e0");
}

static void check_attribute(uint32_t type, ByteView value, const char *whole, const char *size_only) {
        for (unsigned k = 0; k < 3; k++) {
                _cleanup_pkcs11_writer_ Pkcs11Writer w = {};
                _cleanup_bytes_ Bytes b = BYTES_NULL;
                char none[32];
                pkcs11_reply_begin(&w, 1, 24, "aA");
                pkcs11_write_attributes(&w, 1);
                if (k == 0)
                        pkcs11_write_attribute(&w, type, value);
                else if (k == 1)
                        pkcs11_write_attribute_size(&w, type, value.size);
                else
                        pkcs11_write_attribute_none(&w, type);
                (void) snprintf(none, sizeof(none), "%08x 00", type);
                check_int(pkcs11_reply_end(&w, &b), 0);
                check_hex(VIEW(b.data + 26, b.size - 26), k == 0 ? whole : k == 1 ? size_only : none);
        }
}

static void test_attributes(void) {
        static const uint8_t number[8] = { 0, 0, 0, 0, 0, 0, 0, 3 }, yes[1] = { 1 };
        static const uint8_t mechanisms[16] = { 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0xd };

        check_attribute(CKA_CLASS, VIEW_ARRAY(number), "00000000 01 00000008 0000000000000003",
                        "00000000 01 00000008 0000000000000000");
        check_attribute(CKA_TOKEN, VIEW_ARRAY(yes), "00000001 01 00000001 01", "00000001 01 00000001 00");
        check_attribute(CKA_DESTROYABLE, VIEW_ARRAY(yes), "00000172 01 00000001 00000001 01",
                        "00000172 01 00000001 ffffffff");
        check_attribute(CKA_LABEL, VIEW_STR("abc"), "00000003 01 00000003 00000003 616263",
                        "00000003 01 00000003 ffffffff");
        check_attribute(CKA_START_DATE, VIEW_STR("20261231"), "00000110 01 00000008 00000008 3230323631323331",
                        "00000110 01 00000008 ffffffff");
        check_attribute(CKA_ALLOWED_MECHANISMS, VIEW_ARRAY(mechanisms),
                        "40000600 01 00000010 00000002 0000000000000001 000000000000000d",
                        "40000600 01 00000010 00000002 0000000000000000 0000000000000000");
        check_attribute(0xce534351, VIEW_STR("v"), "ce534351 01 00000001 00000001 76", "ce534351 01 00000001 ffffffff");
}

static void test_writer_refuses(void) {
        static const uint8_t chunk[4096];
        _cleanup_bytes_ Bytes b = BYTES_NULL;
        Pkcs11Writer w = {};

        /* another letter, too few, too many */
        pkcs11_reply_begin(&w, 1, 3, "uu");
        pkcs11_write_byte(&w, 1);
        check_int(pkcs11_reply_end(&w, &b), -EPROTO);
        pkcs11_writer_done(&w);
        pkcs11_reply_begin(&w, 1, 3, "uu");
        pkcs11_write_ulong(&w, 1);
        check_int(pkcs11_reply_end(&w, &b), -EPROTO);
        pkcs11_write_ulong(&w, 1);
        check_int(pkcs11_reply_end(&w, &b), -EPROTO);
        pkcs11_writer_done(&w);

        pkcs11_reply_begin(&w, 1, 24, "aA");
        pkcs11_write_attributes(&w, 64);
        for (unsigned i = 0; i < 64; i++)
                pkcs11_write_attribute(&w, CKA_VALUE, VIEW_ARRAY(chunk));
        check(w.bytes.capacity <= PKCS11_REPLY_MAX);
        check_int(pkcs11_reply_end(&w, &b), -E2BIG);
        check(!b.data);
        pkcs11_writer_done(&w);
}

int main(void) {
        test_frame_size();
        test_request();
        test_data();
        test_wanted();
        test_template();
        test_mechanisms();
        test_mechanism_cut();
        test_reply();
        test_attributes();
        test_writer_refuses();
        return EXIT_SUCCESS;
}
