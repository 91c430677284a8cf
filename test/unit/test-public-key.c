/* SPDX-License-Identifier: MIT */
#include "nuvoton.h"
#include "protocol/public-key.h"
#include "test.h"

#define P256_SPKI \
        "3059301306072a8648ce3d020106082a8648ce3d0301070342000421a9aeabdb8a8471b527afa18026301fae8dd0d3df" \
        "aad083e41070b7210c2584069c3ccb7ffd78087b17d112cede081774bf6fac22b414c59e7e45385f65377b"
#define P384_SPKI \
        "3076301006072a8648ce3d020106052b8104002203620004479dfe81d25588af9dbfde8a28f43b4b3f5c468d168fb6aa" \
        "c4f96979d12c7957584d9c4e31789c23e99ba75033cf8e34e87312f1226e9c9993a737dfae9fa2d7cf2df6d6f80ba208" \
        "eda2b83f9c1945e4b09d5a7615160d6e2b791c8976a3ca22"

static PublicKey key_of(const char *hex) {
        _cleanup_bytes_ Bytes spki = test_unhex(hex);
        PublicKey k;

        check_int(public_key_from_spki(bytes_view(&spki), &k), 0);
        return k;
}

static int try_hex(const char *hex) {
        _cleanup_bytes_ Bytes spki = test_unhex(hex);
        PublicKey k;

        return public_key_from_spki(bytes_view(&spki), &k);
}

/* There and back, the hash, the text. */
static void test_known(void) {
        static const struct {
                const char *spki, *hash, *text;
                KeyType type;
                uint16_t size;
        } rows[] = {
                { NUVOTON_EK_SPKI, NUVOTON_EK_HASH, "RSA 2048", KEY_TYPE_RSA, 256 },
                { P256_SPKI, "64d247c139914e410801b65b2569ec8b02c23ca07c6960fbeffbb3a6fcacd28b", "ECDSA P-256",
                  KEY_TYPE_P256, 32 },
                { P384_SPKI, "18708d652c363312798d6a229627b64a9965faeaa1cd06503ffe6c40ad5e6f20", "ECDSA P-384",
                  KEY_TYPE_P384, 48 },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                PublicKey k = key_of(rows[i].spki);
                _cleanup_bytes_ Bytes again = BYTES_NULL;
                uint8_t hash[32];

                check_int(k.type, rows[i].type);
                check_int(k.size, rows[i].size);
                check_int(k.exponent, k.type == KEY_TYPE_RSA ? 65537 : 0);
                check(public_key_valid(&k));
                check_str(public_key_to_string(&k), rows[i].text);
                check_int(public_key_to_spki(&k, &again), 0);
                check_hex(bytes_view(&again), rows[i].spki);
                check_int(public_key_hash(&k, hash), 0);
                check_hex(VIEW_ARRAY(hash), rows[i].hash);
        }
}

/* The same key under rsaesOaep, as old Infineon and STMicroelectronics certificates have it, is the same
 * device: its hash is made of the usual encoding. */
static void test_U17_oaep(void) {
        static const char *const algorithms[] = {
                "30820137 3022 06092a864886f70d010107 3015a213301106092a864886f70d0101090404 54435041",
                "30820122 300d 06092a864886f70d010107 0500",
                "30820120 300b 06092a864886f70d010107",
        };
        static const char *const bad[] = {
                "30820123 300e 06092a864886f70d010107 0101ff", /* a BOOLEAN */
                "30820122 300d 06092a864886f70d010107 0400",   /* an OCTET STRING */
                "30820120 300b 06092a864886f70d010101",        /* rsaEncryption without NULL */
                "30820122 300d 06092a864886f70d010101 0400",   /* and with something else */
                "30820120 300b 06092a864886f70d01010b",        /* a signature's algorithm */
        };
        PublicKey expected = key_of(NUVOTON_EK_SPKI);
        char hex[2 * PUBLIC_KEY_SPKI_SIZE_MAX];

        for (size_t i = 0; i < ELEMENTSOF(algorithms); i++) {
                snprintf(hex, sizeof(hex), "%s%s", algorithms[i], NUVOTON_EK_SPKI + 2 * 19);
                PublicKey k = key_of(hex);
                check(public_key_equal(&k, &expected));
        }
        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                snprintf(hex, sizeof(hex), "%s%s", bad[i], NUVOTON_EK_SPKI + 2 * 19);
                check_int(try_hex(hex), i == ELEMENTSOF(bad) - 1 ? -ENOTSUP : -EINVAL);
        }
}

/* Nothing cut, nothing added; a changed byte is refused or is another key, in its one encoding. */
static void test_bent(const char *hex) {
        _cleanup_bytes_ Bytes spki = test_unhex(hex);
        PublicKey original = key_of(hex), k;

        for (size_t n = 0; n < spki.size; n++)
                check(public_key_from_spki(VIEW(spki.data, n), &k) < 0);
        check_int(public_key_from_spki(VIEW(spki.data, spki.size + 1), &k), -EINVAL); /* the NUL after it */

        for (size_t i = 0; i < spki.size; i++) {
                static const uint8_t masks[] = { 0x01, 0x80, 0xff, 0x20 };
                for (size_t m = 0; m < ELEMENTSOF(masks); m++) {
                        _cleanup_bytes_ Bytes again = BYTES_NULL;

                        spki.data[i] ^= masks[m];
                        if (public_key_from_spki(bytes_view(&spki), &k) == 0) {
                                check(public_key_valid(&k));
                                check(!public_key_equal(&k, &original));
                                check_int(public_key_to_spki(&k, &again), 0);
                                check(view_equal(bytes_view(&again), bytes_view(&spki)));
                        }
                        spki.data[i] ^= masks[m];
                }
        }
}

static void test_refused(void) {
        static const struct {
                const char *what, *hex;
                int error;
        } rows[] = {
                { "empty", "", -EINVAL },
                { "not a SEQUENCE", "0500", -EINVAL },
                { "one element", "3002 3000", -EINVAL },
                { "Ed25519", "302a300506032b65700321001ce6ce6c8baa2d6de3ab1af89c3d21ed3a24fc8a4fa4d4f0e6c2c1d6f8f2f4a0", -ENOTSUP },
                { "P-224", "304e301006072a8648ce3d020106052b81040021033a0004"
                  "b70e0cbd6bb4bf7f321390b94a03c1d356c21122343280d6115c1d21bd376388b5f723fb4c22dfe6cd4375a05a07476444d5819985007e34",
                  -ENOTSUP },
                { "P-256, compressed", "3039301306072a8648ce3d020106082a8648ce3d030107032200"
                  "0321a9aeabdb8a8471b527afa18026301fae8dd0d3dfaad083e41070b7210c2584", -EINVAL },
                { "P-256, infinity", "3019301306072a8648ce3d020106082a8648ce3d03010703020000", -EINVAL },
                { "P-256, no point at all", "3018301306072a8648ce3d020106082a8648ce3d030107030100", -EINVAL },
                { "P-256, implicit curve", "3052 300b06072a8648ce3d02010500 0343000421a9aeabdb8a8471b527afa18026301fae8dd0d3dfaad083e41070b7210c2584"
                  "069c3ccb7ffd78087b17d112cede081774bf6fac22b414c59e7e45385f65377b 00", -EINVAL },
                { "RSA-512", "305c300d06092a864886f70d0101010500034b003048024100"
                  "c09faeb5daec6414b6c2c4a6e85b739f58eb756082967bc90ed827835a0df7ff84cc19970db78f8fdf28e0d59bfd02e8abcdb3ac9fa40929a4e5de4959f79061"
                  "0203010001", -ENOTSUP },
                { "RSA, negative modulus", "305b300d06092a864886f70d0101010500034a003047024000"
                  "9faeb5daec6414b6c2c4a6e85b739f58eb756082967bc90ed827835a0df7ff84cc19970db78f8fdf28e0d59bfd02e8abcdb3ac9fa40929a4e5de4959f790"
                  "610203010001", -ENOTSUP },
                { "RSA, no numbers", "3013300d06092a864886f70d01010105000302 0030", -EINVAL },
                { "RSA, empty", "3014300d06092a864886f70d0101010500 0303003000", -EINVAL },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++)
                if (try_hex(rows[i].hex) != rows[i].error) {
                        fprintf(stderr, "%s: %d\n", rows[i].what, try_hex(rows[i].hex));
                        abort();
                }
}

static void test_validity(void) {
        PublicKey rsa = key_of(NUVOTON_EK_SPKI), p256 = key_of(P256_SPKI), p384 = key_of(P384_SPKI), k;
        _cleanup_bytes_ Bytes spki = BYTES_NULL;

        check(public_key_equal(&rsa, &rsa));
        check(!public_key_equal(&rsa, &p256));
        check(!public_key_equal(&p384, &p256));
        k = (PublicKey) {};
        check(!public_key_valid(&k));
        check(!public_key_equal(&k, &k));
        check_str(public_key_to_string(&k), "unknown key");
        check_int(public_key_to_spki(&k, &spki), -EINVAL);
        check(!spki.data);

#define BENT(key, change)                     \
        do {                                  \
                k = (key);                    \
                change;                       \
                check(!public_key_valid(&k)); \
        } while (0)

        BENT(rsa, k.exponent = 3);
        BENT(rsa, k.exponent = 65538);
        BENT(rsa, k.exponent = 0);
        BENT(rsa, k.n[0] &= 0x7f);
        BENT(rsa, k.n[255] &= 0xfe);
        BENT(rsa, k.n[256] = 1);
        BENT(rsa, k.n[511] = 1);
        BENT(rsa, k.size = 255);
        BENT(rsa, k.size = 0xffff);
        BENT(p256, k.x[31] ^= 1);
        BENT(p256, k.y[0] ^= 1);
        BENT(p256, k.x[32] = 1);
        BENT(p256, k.y[47] = 1);
        BENT(p256, k.size = 31);
        BENT(p256, k.size = 48);
        BENT(p256, k.exponent = 65537);
        BENT(p256, k.type = KEY_TYPE_P384);
        BENT(p384, k.x[0] ^= 1);
        BENT(p384, k.size = 0xffff);
        BENT(p256, memset(k.x, 0xff, 32)); /* beyond the field */
        BENT(p256, (memset(k.x, 0, 32), memset(k.y, 0, 32)));
#undef BENT

        k = rsa;
        k.exponent = 0x10003;
        check(public_key_valid(&k));
        check(!public_key_equal(&k, &rsa));
}

int main(void) {
        test_known();
        test_U17_oaep();
        test_bent(NUVOTON_EK_SPKI);
        test_bent(P256_SPKI);
        test_bent(P384_SPKI);
        test_refused();
        test_validity();
        return EXIT_SUCCESS;
}
