/* SPDX-License-Identifier: MIT */
#include "protocol/key-file.h"
#include "test.h"

#define LOADABLE "06066781050a0103"
#define EMPTY_AUTH "a0030101ff"
#define OWNER "020440000001"
#define BLOBS "0403000141" "040400024243" /* TPM2B of "A", of "BC" */
#define POLICY "300e" "300c" "a0040202016b" "a10404020000" /* one command */

static Bytes der_of(const char *fields) {
        _cleanup_bytes_ Bytes inner = test_unhex(fields);
        Bytes der = { .data = malloc(inner.size + 4) };
        ByteWriter w = WRITER(der.data, inner.size + 4);

        check(der.data);
        write_u8(&w, 0x30);
        if (inner.size >= 128)
                write_u8(&w, 0x81);
        write_u8(&w, (uint8_t) inner.size);
        write_view(&w, bytes_view(&inner));
        check(!w.failed && inner.size < 256);
        der.size = w.size;
        return der;
}

static int parse(const char *fields, KeyFile *ret) {
        _cleanup_bytes_ Bytes der = der_of(fields);

        return key_file_parse(bytes_view(&der), ret);
}

static KeyFile sample(void) {
        return (KeyFile) {
                .parent = KEY_FILE_PARENT_OWNER,
                .empty_auth = true,
                .public_blob = { (uint8_t *) "\0\1A", 3 },
                .private_blob = { (uint8_t *) "\0\2BC", 4 },
        };
}

static void test_build(void) {
        _cleanup_bytes_ Bytes owner = BYTES_NULL, srk = BYTES_NULL, all = BYTES_NULL, pem = BYTES_NULL;
        _cleanup_bytes_ Bytes expected = der_of(LOADABLE EMPTY_AUTH OWNER BLOBS);
        _cleanup_key_file_ KeyFile parsed = {};
        KeyFile k = sample();

        check_int(key_file_build_der(&k, &owner), 0);
        check(view_equal(bytes_view(&owner), bytes_view(&expected)));

        k.parent = KEY_FILE_PARENT_SRK;
        check_int(key_file_build_der(&k, &srk), 0);
        check_hex(bytes_view(&srk), "301f" LOADABLE EMPTY_AUTH "02050081000001" BLOBS);

        k.description = (char *) "d";
        k.rsa_parent = true;
        k.empty_auth = false;
        check_int(key_file_build_der(&k, &all), 0);
        check_hex(bytes_view(&all), "3024" LOADABLE "a4030c0164" "a5030101ff" "02050081000001" BLOBS);

        check_int(key_file_build_pem(&k, &pem), 0);
        check(memmem(pem.data, pem.size, "-----BEGIN TSS2 PRIVATE KEY-----\n", 33) == pem.data);
        check_int(key_file_parse(bytes_view(&pem), &parsed), 0);
        check_int(parsed.parent, KEY_FILE_PARENT_SRK);
        check(!parsed.empty_auth && parsed.rsa_parent && !parsed.has_policy);
        check_str(parsed.description, "d");
        check_hex(bytes_view(&parsed.public_blob), "000141");
        check_hex(bytes_view(&parsed.private_blob), "00024243");
}

static void test_build_bad(void) {
        static const uint32_t parents[] = { 0, 0x40000007, 0x4000000A, 0x80000000, 0x01C00002, 0x82000000 };
        static uint8_t big[KEY_FILE_BLOB_MAX + 1] = { (KEY_FILE_BLOB_MAX - 1) >> 8,
                                                      (KEY_FILE_BLOB_MAX - 1) & 0xff };
        Bytes b = BYTES_NULL;
        KeyFile k;

        for (size_t i = 0; i < ELEMENTSOF(parents); i++) {
                k = sample();
                k.parent = parents[i];
                check_int(key_file_build_der(&k, &b), -EINVAL);
        }
        k = sample();
        k.has_policy = true;
        check_int(key_file_build_der(&k, &b), -EINVAL);
        k = sample();
        k.public_blob.size = 2;
        check_int(key_file_build_pem(&k, &b), -EINVAL);
        k = sample();
        k.private_blob = BYTES_NULL;
        check_int(key_file_build_der(&k, &b), -EINVAL);
        k = sample();
        k.public_blob = (Bytes) { big, sizeof(big) };
        check_int(key_file_build_der(&k, &b), -E2BIG);
        check(!b.data);
}

/* What others write. */
static void test_parse_good(void) {
        static const struct {
                const char *fields;
                uint32_t parent;
                bool empty_auth, rsa_parent, has_policy;
        } rows[] = {
                { LOADABLE OWNER BLOBS, 0x40000001, false, false, false },
                { LOADABLE EMPTY_AUTH "02044000000b" BLOBS, 0x4000000b, true, false, false },
                { LOADABLE EMPTY_AUTH "02044000000c" BLOBS, 0x4000000c, true, false, false },
                { LOADABLE "a003010101" OWNER BLOBS, 0x40000001, true, false, false }, /* 01 for TRUE */
                { LOADABLE "a003010100" OWNER BLOBS, 0x40000001, false, false, false },
                { LOADABLE EMPTY_AUTH "a503010101"
                                      "02050081abcdef" BLOBS,
                  0x81abcdef, true, true, false },
                { LOADABLE EMPTY_AUTH "a1023000" OWNER BLOBS, 0x40000001, true, false, false },
                { LOADABLE EMPTY_AUTH "a110" POLICY OWNER BLOBS, 0x40000001, true, false, true },
                { LOADABLE "a31b"
                           "3019"
                           "3017"
                           "a0030c016e"
                           "a110" POLICY OWNER BLOBS,
                  0x40000001, false, false, true },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                _cleanup_key_file_ KeyFile k = {};
                check_int(parse(rows[i].fields, &k), 0);
                check_int(k.parent, rows[i].parent);
                check_int(k.empty_auth, rows[i].empty_auth);
                check_int(k.rsa_parent, rows[i].rsa_parent);
                check_int(k.has_policy, rows[i].has_policy);
                check(!k.description);
        }
}

static void test_parse_bad(void) {
        static const struct {
                const char *fields;
                int r;
        } rows[] = {
                { "", -EBADMSG },
                { LOADABLE EMPTY_AUTH OWNER, -EBADMSG },
                { LOADABLE EMPTY_AUTH OWNER "0403000141", -EBADMSG },
                { LOADABLE EMPTY_AUTH OWNER BLOBS "0500", -EBADMSG },
                { LOADABLE "a003010102" OWNER BLOBS, -EBADMSG }, /* neither TRUE nor FALSE */
                { LOADABLE "a0040102ffff" OWNER BLOBS, -EBADMSG },
                { LOADABLE EMPTY_AUTH EMPTY_AUTH OWNER BLOBS, -EBADMSG },
                { LOADABLE "a603010101" OWNER BLOBS, -EBADMSG }, /* unknown tag */
                { LOADABLE "a503010101" EMPTY_AUTH OWNER BLOBS, -EBADMSG }, /* order */
                { "06066781050a0104" EMPTY_AUTH OWNER BLOBS, -ENOTSUP },
                { "06066781050a0105" EMPTY_AUTH OWNER BLOBS, -ENOTSUP },
                { "06056781050a02" EMPTY_AUTH OWNER BLOBS, -EBADMSG },
                /* parents: none such, transient, too long, negative */
                { LOADABLE EMPTY_AUTH "020101" BLOBS, -EBADMSG },
                { LOADABLE EMPTY_AUTH "020440000007" BLOBS, -EBADMSG },
                { LOADABLE EMPTY_AUTH "02050080000000" BLOBS, -EBADMSG },
                { LOADABLE EMPTY_AUTH "0206010081000001" BLOBS, -EBADMSG },
                { LOADABLE EMPTY_AUTH "020481000001" BLOBS, -EBADMSG },
                { LOADABLE EMPTY_AUTH "0200" BLOBS, -EBADMSG },
                /* blobs: size too small, too large, none, half a prefix */
                { LOADABLE EMPTY_AUTH OWNER "040400014142" "0403000142", -EBADMSG },
                { LOADABLE EMPTY_AUTH OWNER "0403000241" "0403000142", -EBADMSG },
                { LOADABLE EMPTY_AUTH OWNER "0403000141" "04020000", -EBADMSG },
                { LOADABLE EMPTY_AUTH OWNER "0400" "0403000142", -EBADMSG },
                { LOADABLE EMPTY_AUTH OWNER "0403000141" "040100", -EBADMSG },
                /* description: U+0000, not UTF-8 */
                { LOADABLE EMPTY_AUTH "a4040c026100" OWNER BLOBS, -EBADMSG },
                { LOADABLE EMPTY_AUTH "a4030c01ff" OWNER BLOBS, -EBADMSG },
        };
        KeyFile k = {};

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                int r = parse(rows[i].fields, &k);
                if (r != rows[i].r) {
                        fprintf(stderr, "row %zu: %d\n", i, r);
                        abort();
                }
        }
        check(!k.public_blob.data && !k.private_blob.data && !k.description);
}

static void test_files(void) {
        _cleanup_bytes_ Bytes pem = BYTES_NULL, der = BYTES_NULL,
                              big = { .data = calloc(1, KEY_FILE_MAX + 1), .size = KEY_FILE_MAX + 1 };
        KeyFile k = sample(), untouched = {};
        char text[1024];

        check_int(key_file_build_pem(&k, &pem), 0);
        check_int(key_file_build_der(&k, &der), 0);

        /* PEM may stand between other text */
        int n = snprintf(text, sizeof(text), "A key of\nsomebody.\n%s\nmore\n", (const char *) pem.data);
        _cleanup_key_file_ KeyFile parsed = {};
        check_int(key_file_parse(VIEW(text, n), &parsed), 0);
        check_int(parsed.parent, KEY_FILE_PARENT_OWNER);

        check_int(key_file_parse(VIEW(pem.data, pem.size / 2), &untouched), -EBADMSG);
        check_int(key_file_parse(VIEW_STR("-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----\n"),
                                 &untouched),
                  -EBADMSG);
        check_int(key_file_parse(VIEW_STR("nothing"), &untouched), -EBADMSG);
        check_int(key_file_parse(VIEW_NULL, &untouched), -EBADMSG);
        check_int(key_file_parse(bytes_view(&big), &untouched), -EBADMSG);
        for (size_t i = 0; i < der.size; i++) /* truncated at every byte */
                check_int(key_file_parse(VIEW(der.data, i), &untouched), -EBADMSG);
        check(!untouched.public_blob.data);
}

int main(void) {
        test_build();
        test_build_bad();
        test_parse_good();
        test_parse_bad();
        test_files();
        return EXIT_SUCCESS;
}
