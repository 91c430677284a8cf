/* SPDX-License-Identifier: MIT */
#include "protocol/tpm-kdf.h"
#include "test.h"

/* n bytes, counting up from the first. */
static ByteView counting(uint8_t *buffer, uint8_t first, size_t n) {
        for (size_t i = 0; i < n; i++)
                buffer[i] = (uint8_t) (first + i);
        return VIEW(buffer, n);
}

/* The expected values are another implementation's (Python), whose credentials libtpms activated. */
static void test_kdfe(void) {
        static const struct {
                const char *hash, *expected;
                uint8_t size;
        } rows[] = {
                { "SHA256", "1c73541403051da01a9c8dae6988c5f5db53f8744ad27c896ccdc663d40e3df1", 32 },
                { "SHA384", "e264e344d5c1dcadeaf103e06663b8c6a6d8b84092f91194b3e6be33cc28c433"
                            "aa8a23fbcf3b942970347ddb3848d2e2", 48 },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                uint8_t z[48], u[48], v[48], n = rows[i].size;
                TpmExchange e = {
                        .z = counting(z, 0, n),
                        .party_u = counting(u, n, n),
                        .party_v = counting(v, (uint8_t) (2 * n), n),
                };
                TpmKey k;

                check_int(tpm_kdfe(rows[i].hash, &e, "IDENTITY", n, &k), 0);
                check_hex(tpm_key_view(&k), rows[i].expected);
        }
}

static void test_kdfa(void) {
        static const struct {
                const char *hash, *label, *expected;
                size_t seed_size, size;
                bool name;
        } rows[] = {
                { "SHA256", "STORAGE", "d8f81cc31ecf07e6051965e5e1fef645", 32, 16, true },
                { "SHA256", "INTEGRITY", "91d48d69385ae00b5afeb8c6d5d5009e75436800d3651e0de819b20f984a67d1", 32, 32, false },
                { "SHA384", "STORAGE", "dc5bf9385a9987f951df779eeb072a6528e791f4f1da381440e69ce9a0e24d19", 48, 32, true },
                { "SHA384", "INTEGRITY", "20769778156e57b26f352c8320693d113a8a6829c21dc37c2b1e80d1648c8647"
                  "d5cb1caa605631f42529872b38c4b47f", 48, 48, false },
        };
        uint8_t seed[48], name[34] = { 0x00, 0x0b };

        for (size_t i = 0; i < sizeof(seed); i++)
                seed[i] = (uint8_t) (0xa0 + i % 16);
        (void) counting(name + 2, 0, 32);
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                TpmKey k;

                check_int(tpm_kdfa(rows[i].hash, VIEW(seed, rows[i].seed_size), rows[i].label,
                                   rows[i].name ? VIEW_ARRAY(name) : VIEW_NULL, rows[i].size, &k), 0);
                check_hex(tpm_key_view(&k), rows[i].expected);
        }
}

static void test_refused(void) {
        uint8_t bytes[TPM_KDF_PARTY_MAX + 1] = {};
        TpmExchange e = { .z = VIEW(bytes, 32), .party_u = VIEW(bytes, 32), .party_v = VIEW(bytes, 32) };
        TpmKey k = { .size = 77 };

        check_int(tpm_kdfa("SHA256", VIEW(bytes, 32), "STORAGE", VIEW_NULL, 0, &k), -EINVAL);
        check_int(tpm_kdfa("SHA256", VIEW(bytes, 32), "STORAGE", VIEW_NULL, TPM_KDF_KEY_MAX + 1, &k), -EINVAL);
        check_int(tpm_kdfa("SHA257", VIEW(bytes, 32), "STORAGE", VIEW_NULL, 32, &k), -EIO);
        check_int(tpm_kdfe("SHA256", &e, "IDENTITY", TPM_KDF_KEY_MAX + 1, &k), -EINVAL);
        check_int(tpm_kdfe("SHA256", &e, "A LABEL WITHOUT END", 32, &k), 0); /* eats the room of a party */
        k.size = 77;
        e.party_u = e.party_v = VIEW_ARRAY(bytes);
        check_int(tpm_kdfe("SHA256", &e, "IDENTITYIDENTITY", 32, &k), -EINVAL);
        check_int(tpm_kdfe("SHA257", &e, "ID", 32, &k), -EIO);
        check_int(k.size, 77);
}

int main(void) {
        test_kdfe();
        test_kdfa();
        test_refused();
        return EXIT_SUCCESS;
}
