/* SPDX-License-Identifier: MIT */
#include "pkcs11-client.h"
#include "protocol/pkcs11-objects.h"

/* 27 bits of each certificate's SHA-256 */
#define RSA_HANDLES 0x38a971f0U
#define EC_HANDLES 0x6c888d00U

static Pkcs11Token *make_token(const char *newest, const char *older) {
        Pkcs11Token *t = NULL;

        check_int(pkcs11_token_new(serial, &t), 0);
        set_token(t, newest, older);
        return t;
}

static const Pkcs11Object *object_of(const Pkcs11Token *t, uint64_t handle) {
        const Pkcs11Generation *g;
        const Pkcs11Object *o = pkcs11_token_object(t, handle, NOW, &g);

        check(o);
        check_int(o->handle, handle);
        return o;
}

static ByteView value_of(const Pkcs11Object *o, uint32_t type) {
        const Pkcs11Attribute *a = pkcs11_object_attribute(o, type);

        check(a);
        return a->value;
}

#define check_value(o, type, text) check_hex(value_of(o, type), text)
#define check_text(o, type, text) check(view_equal(value_of(o, type), VIEW_STR(text)))

static void check_key_pair(const Pkcs11Token *t, uint32_t base, const char *id) {
        const Pkcs11Object *certificate = object_of(t, base + 1), *private = object_of(t, base + 2),
                           *public = object_of(t, base + 3);

        check_value(certificate, CKA_CLASS, "0000000000000001");
        check_value(private, CKA_CLASS, "0000000000000003");
        check_value(public, CKA_CLASS, "0000000000000002");
        check_text(certificate, CKA_LABEL, "Attezt TPM Certificate");
        check_text(private, CKA_LABEL, "Attezt TPM key");
        check_text(public, CKA_LABEL, "Attezt TPM key");
        check_value(certificate, CKA_ID, id);
        check_value(private, CKA_ID, id);
        check_value(public, CKA_ID, id);
        check_value(certificate, CKA_CERTIFICATE_CATEGORY, "0000000000000001");
        for (uint32_t type = CKA_PRIVATE_EXPONENT; type <= CKA_COEFFICIENT; type++)
                check(!pkcs11_object_attribute(private, type));
        check(!pkcs11_object_attribute(private, CKA_VALUE));
        check(!pkcs11_object_is_secret(public, CKA_VALUE) && !pkcs11_object_is_secret(certificate, CKA_VALUE));

        static const struct {
                uint32_t type;
                const char *value;
        } rows[] = {
                { CKA_TOKEN, "01" }, { CKA_PRIVATE, "00" }, { CKA_SENSITIVE, "01" }, { CKA_ALWAYS_SENSITIVE, "01" },
                { CKA_EXTRACTABLE, "00" }, { CKA_NEVER_EXTRACTABLE, "01" }, { CKA_LOCAL, "01" }, { CKA_SIGN, "01" },
                { CKA_ALWAYS_AUTHENTICATE, "00" }, { CKA_MODIFIABLE, "00" }, { CKA_COPYABLE, "00" },
                { CKA_DERIVE, "00" }, { CKA_UNWRAP, "00" },
        };
        for (size_t i = 0; i < ELEMENTSOF(rows); i++)
                check_value(private, rows[i].type, rows[i].value);
}

static void test_rsa(void) {
        _cleanup_(pkcs11_token_freep) Pkcs11Token *t = make_token(RSA_CHAIN, NULL);
        const Pkcs11Object *certificate = object_of(t, RSA_HANDLES + 1), *private = object_of(t, RSA_HANDLES + 2);

        check_key_pair(t, RSA_HANDLES, "45d35e0d2c80d5b8cd01b8b9d325e64589ecfa26");
        check_hex(VIEW(pkcs11_generation_key_hash(pkcs11_token_newest(t)), 32),
                  "10672d1d13c0693afef20b3c51aa6712982f9f662294fd7283b7f9393df3f644");
        check_value(certificate, CKA_SERIAL_NUMBER, "02 09 0080a1b2c3d4e5f601");
        check_text(certificate, CKA_START_DATE, "20261124");
        check_text(certificate, CKA_END_DATE, "21261031");
        check_value(certificate, CKA_SUBJECT, "3011 310f 300d 0603550403 0c06 646576696365");
        check(view_equal(value_of(certificate, CKA_ISSUER), value_of(object_of(t, RSA_HANDLES + 4), CKA_SUBJECT)));
        check_value(certificate, CKA_CHECK_VALUE, "f0708f");
        check_value(private, CKA_KEY_TYPE, "0000000000000000");
        check_value(private, CKA_DECRYPT, "01");
        check_value(private, CKA_PUBLIC_EXPONENT, "010001");
        check_value(private, CKA_MODULUS_BITS, "0000000000000800");
        check_int(value_of(private, CKA_MODULUS).size, 256);
        check_int(value_of(private, CKA_ALLOWED_MECHANISMS).size, 14 * 8);
        check(pkcs11_object_is_secret(private, CKA_PRIVATE_EXPONENT) && pkcs11_object_is_secret(private, CKA_PRIME_2));
        check(!pkcs11_object_is_secret(private, CKA_VALUE));
        check_value(object_of(t, RSA_HANDLES + 3), CKA_ENCRYPT, "01");
}

static void test_intermediate(void) {
        _cleanup_(pkcs11_token_freep) Pkcs11Token *t = make_token(RSA_CHAIN TEST_PEM_ED, NULL);
        const Pkcs11Object *certificate = object_of(t, RSA_HANDLES + 4), *public = object_of(t, RSA_HANDLES + 5);
        const Pkcs11Generation *g;

        check_text(certificate, CKA_LABEL, "Intermediate Certificate");
        check_text(public, CKA_LABEL, "Intermediate Certificate Public Key");
        check_value(certificate, CKA_ID, "e8a73259926177e1e21fbaafe95454419e21e1d6");
        check_value(public, CKA_ID, "e8a73259926177e1e21fbaafe95454419e21e1d6");
        check_value(certificate, CKA_CERTIFICATE_CATEGORY, "0000000000000002");
        check_value(public, CKA_LOCAL, "00");
        check_value(public, CKA_VERIFY, "01");
        /* a kind of key that the token does not know: only its certificate is shown */
        check_text(object_of(t, RSA_HANDLES + 6), CKA_LABEL, "Intermediate Certificate");
        for (uint32_t i = 7; i < 16; i++)
                check(!pkcs11_token_object(t, RSA_HANDLES + i, NOW, &g));
        check(!pkcs11_token_object(t, RSA_HANDLES, NOW, &g));
}

static void test_ec(void) {
        _cleanup_(pkcs11_token_freep) Pkcs11Token *t = make_token(EC_CHAIN, NULL);
        const Pkcs11Object *private = object_of(t, EC_HANDLES + 2);

        check_key_pair(t, EC_HANDLES, "f69e15c12143a9979d62a34639cb500ba5556118");
        check_value(private, CKA_KEY_TYPE, "0000000000000003");
        check_value(private, CKA_DECRYPT, "00");
        check_value(private, CKA_EC_PARAMS, "06082a8648ce3d030107");
        check_value(private, CKA_EC_POINT,
                    "0441 0493a4314e3063bdb9d366bce7ccd1a66a901b434259baa709e55e13df8f8bc2f5"
                    "a6b5fa174f8740a464baa699cbd6092c6584a8c332650eb34643391c916ead57");
        check_value(private, CKA_PUBLIC_KEY_INFO,
                    "3059301306072a8648ce3d020106082a8648ce3d030107034200"
                    "0493a4314e3063bdb9d366bce7ccd1a66a901b434259baa709e55e13df8f8bc2f5"
                    "a6b5fa174f8740a464baa699cbd6092c6584a8c332650eb34643391c916ead57");
        check_value(private, CKA_KEY_GEN_MECHANISM, "0000000000001040");
        check(!pkcs11_object_attribute(private, CKA_MODULUS));
        check(pkcs11_object_is_secret(private, CKA_VALUE) && !pkcs11_object_is_secret(private, CKA_PRIME_1));
        check_int(value_of(private, CKA_ALLOWED_MECHANISMS).size, 6 * 8);

        /* without an extension the identifier is the key's SHA-1: here what the other certificate has */
        set_token(t, TEST_PEM_EC2, NULL);
        size_t n;
        const uint8_t *id = pkcs11_generation_id(pkcs11_token_newest(t), &n);
        check_hex(VIEW(id, n), "f69e15c12143a9979d62a34639cb500ba5556118");
        set_token(t, TEST_PEM_EC384, NULL);
        uint32_t found[PKCS11_OBJECTS_MAX];
        Pkcs11Template all = {};
        check_int(pkcs11_token_find(t, &all, found), 3);
        check_value(object_of(t, found[2]), CKA_EC_PARAMS, "06052b81040022");
        check_int(value_of(object_of(t, found[1]), CKA_EC_POINT).size, 2 + 97);
}

static void test_refused(void) {
        static char many[20 * sizeof(TEST_PEM_INTER)];
        Pkcs11Generation *g = NULL;

        check_int(pkcs11_generation_new(1, VIEW_NULL, &g), -EBADMSG);
        check_int(pkcs11_generation_new(1, VIEW_STR("nonsense"), &g), -EBADMSG);
        check_int(pkcs11_generation_new(1, VIEW_STR(TEST_PEM_ED), &g), -EBADMSG);
        check_int(pkcs11_generation_new(1, VIEW(TEST_PEM_EC, 300), &g), -EBADMSG);
        for (unsigned i = 0; i < PKCS11_CHAIN_MAX; i++)
                strcat(many, TEST_PEM_INTER);
        check_int(pkcs11_generation_new(1, VIEW_STR(many), &g), 0);
        g = pkcs11_generation_unref(g);
        strcat(many, TEST_PEM_INTER);
        check_int(pkcs11_generation_new(1, VIEW_STR(many), &g), -E2BIG);
        check_int(pkcs11_generation_new(1, VIEW(many, PKCS11_CHAIN_PEM_MAX + 1), &g), -E2BIG);
        check(!g);
}

/* Beyond the limit they are not shown, but nothing is lost of the rest. */
static void test_long_chain(void) {
        _cleanup_(pkcs11_token_freep) Pkcs11Token *t =
                make_token(RSA_CHAIN TEST_PEM_INTER TEST_PEM_INTER TEST_PEM_INTER TEST_PEM_INTER TEST_PEM_INTER, NULL);
        uint32_t found[PKCS11_OBJECTS_MAX];
        Pkcs11Template all = {};

        check_int(pkcs11_token_find(t, &all, found), PKCS11_OBJECTS_MAX);
        for (uint32_t i = 0; i < PKCS11_OBJECTS_MAX; i++)
                check_int(found[i], RSA_HANDLES + 1 + i);
}

/* --- Finding --- */

static void check_find(const Pkcs11Token *t, const char *hex, const char *handles) {
        _cleanup_bytes_ Bytes b = test_unhex(hex);
        Pkcs11Reader r = { .bytes = READER(bytes_view(&b)), .signature = "aA" };
        uint32_t found[PKCS11_OBJECTS_MAX];
        Pkcs11Template what;
        char text[64] = "";

        pkcs11_read_template(&r, &what);
        check(pkcs11_reader_done(&r));
        size_t n = pkcs11_token_find(t, &what, found);
        for (size_t i = 0; i < n; i++)
                (void) snprintf(text + strlen(text), sizeof(text) - strlen(text), "%u", found[i] & 0xf);
        check_str(text, handles);
}

static void test_find(void) {
        _cleanup_(pkcs11_token_freep) Pkcs11Token *t = make_token(RSA_CHAIN, EC_CHAIN);

        check_find(t, "00000000", "12345");
        check_find(t, "00000001 00000000 01 00000008 0000000000000001", "14");
        check_find(t, "00000001 00000000 01 00000008 0000000000000003", "2");
        check_find(t, "00000001 00000000 01 00000008 0000000000000009", "");
        check_find(t, "00000002 00000001 01 00000001 01 00000000 01 00000008 0000000000000001", "14");
        check_find(t, "00000001 00000001 01 00000001 00", "");
        check_find(t, "00000001 00000102 01 00000014 00000014 45d35e0d2c80d5b8cd01b8b9d325e64589ecfa26", "123");
        check_find(t, "00000002 00000102 01 00000014 00000014 45d35e0d2c80d5b8cd01b8b9d325e64589ecfa26"
                      "00000000 01 00000008 0000000000000003", "2");
        check_find(t, "00000001 00000003 01 00000018 00000018 496e7465726d656469617465204365727469666963617465", "4");
        check_find(t, "00000001 00000003 01 00000000 00000000", "");
        check_find(t, "00000001 00000003 00", "");
        check_find(t, "00000001 ce534351 01 00000001 00000001 01", "");
        /* what nobody tells matches nothing */
        check_find(t, "00000001 00000123 01 00000000 00000000", "");
        set_token(t, NULL, NULL);
        check_find(t, "00000000", "");
}

/* --- Generations --- */

static void test_older(void) {
        _cleanup_(pkcs11_token_freep) Pkcs11Token *t = make_token(EC_CHAIN, TEST_PEM_RSAOLD TEST_PEM_INTER);
        const Pkcs11Generation *g;
        uint32_t old = 0x6d81af03U >> 5 << 4;
        const int64_t end = 1795607381; /* 2026-11-25 11:49:41 */

        check_find(t, "00000000", "12345");
        check_int(pkcs11_generation_number(pkcs11_token_newest(t)), 2);
        const Pkcs11Object *o = pkcs11_token_object(t, old + 2, end, &g);
        check(o && o->kind == PKCS11_KIND_PRIVATE_KEY);
        check_int(pkcs11_generation_number(g), 1);
        check_int(pkcs11_generation_not_after(g), end);
        check(!pkcs11_token_object(t, old + 2, end + 1, &g));
        check(!pkcs11_token_object(t, old + 4, end + 1, &g));
        check(!pkcs11_token_object(t, (uint64_t) old + 2 + (1ULL << 32), NOW, &g));
        /* the newest stays: whether its certificate is still good is for others to say */
        set_token(t, TEST_PEM_RSAOLD, NULL);
        check(pkcs11_token_object(t, old + 2, end + 1, &g));
}

static void test_set(void) {
        _cleanup_(pkcs11_token_freep) Pkcs11Token *t = make_token(NULL, NULL);
        Pkcs11Generation *a = make_generation(7, RSA_CHAIN), *b = make_generation(6, RSA_CHAIN),
                         *list[PKCS11_GENERATIONS_MAX + 1] = { a, b, a, b, a, b, a, b, a };
        const Pkcs11Generation *g = NULL;

        check(!pkcs11_token_present(t));
        check_int(memcmp(pkcs11_token_serial(t), serial, 16), 0);
        /* the same handles: the newer one has them */
        check_int(pkcs11_token_set(t, list, 2), 0);
        check(pkcs11_token_object(t, RSA_HANDLES + 1, NOW, &g) && g == a);
        check_int(pkcs11_token_set(t, list, PKCS11_GENERATIONS_MAX + 1), -E2BIG);
        check(pkcs11_token_newest(t) == a);
        /* once more the same one: not lost on the way */
        pkcs11_generation_unref(a);
        list[0] = (Pkcs11Generation *) pkcs11_token_newest(t);
        check_int(pkcs11_token_set(t, list, 1), 0);
        check(pkcs11_token_newest(t) == a);
        pkcs11_generation_unref(b);
        check_int(pkcs11_token_set(t, NULL, 0), 0);
        check(!pkcs11_token_present(t));
}

int main(void) {
        test_rsa();
        test_intermediate();
        test_ec();
        test_refused();
        test_long_chain();
        test_find();
        test_older();
        test_set();
        return EXIT_SUCCESS;
}
