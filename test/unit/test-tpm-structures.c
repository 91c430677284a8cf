/* SPDX-License-Identifier: MIT */
#include "nuvoton.h"
#include "protocol/tpm-structures.h"
#include "test.h"

typedef enum Structure {
        PUBLIC,
        ATTEST,
        CREATION,
        SIGNATURE,
} Structure;

/* Decodes, and encodes again. */
static int round_trip(Structure s, ByteView v, Bytes *ret) {
        TPMT_PUBLIC p;
        TPMS_ATTEST a;
        TPMS_CREATION_DATA c;
        TPMT_SIGNATURE g;
        int r;

        switch (s) {
        case PUBLIC:
                r = tpm_public_decode(v, &p);
                return r < 0 ? r : tpm_public_encode(&p, ret);
        case ATTEST:
                r = tpm_attest_decode(v, &a);
                return r < 0 ? r : tpm_attest_encode(&a, ret);
        case CREATION:
                r = tpm_creation_data_decode(v, &c);
                return r < 0 ? r : tpm_creation_data_encode(&c, ret);
        default:
                r = tpm_signature_decode(v, &g);
                return r < 0 ? r : tpm_signature_encode(&g, ret);
        }
}

#define CLOCK "0000000000000001 00000002 00000003"
#define FIRMWARE "0000000000000004"

/* Whole ones are taken and come back as they were; nothing may be cut off them and nothing added. */
static void test_good(void) {
        static const struct {
                Structure s;
                const char *hex;
        } rows[] = {
                { PUBLIC, NUVOTON_AK_PUBLIC },
                { PUBLIC, "0001 000b 00030072 0000 0006 0080 0043 0010 0800 00010001 0000" },
                { PUBLIC, "0001 000b 00030072 0000 0010 0015 0800 00010001 0001 aa" },
                { PUBLIC, "0001 000b 00030072 0000 0010 0017 000b 0800 00000000 0000" },
                { PUBLIC, "0023 000c 00050472 0002 aabb 0010 0018 000c 0004 0010 0001 01 0002 0203" },
                { PUBLIC, "0023 000b 00040472 0000 0010 001a 000b 0001 0003 0010 0000 0000" },
                { PUBLIC, "0008 000b 00000052 0000 0010 0000" },
                { PUBLIC, "0008 000b 00000052 0000 0005 000b 0000" },
                { PUBLIC, "0025 000b 00030472 0000 0006 0080 0043 0000" },
                { ATTEST, NUVOTON_AK_ATTESTATION },
                { ATTEST, "ff544347 801a 0000 0001 aa" CLOCK "00" FIRMWARE "0000 0000" },
                { ATTEST, "ff544347 8017 0000 0001 aa" CLOCK "01" FIRMWARE "0001 01 0001 02" },
                { ATTEST, "ff544347 8018 0000 0001 aa" CLOCK "01" FIRMWARE "00000001 000b 03 010203 0001 02" },
                { ATTEST, "00000000 801a 0000 0000" CLOCK "00" FIRMWARE "0000 0000" }, /* a verdict's business */
                { CREATION, NUVOTON_AK_CREATION_DATA },
                { CREATION, "00000000 0000 01 0010 0004 4000000b 0004 4000000b 0000" },
                { CREATION, "00000002 000b 03 010203 000c 01 04 0000 01 0010 0000 0000 0002 aabb" },
                { SIGNATURE, NUVOTON_AK_SIGNATURE },
                { SIGNATURE, "0018 000b 0001 01 0002 0002" },
                { SIGNATURE, "0016 000c 0001 01" },
                { SIGNATURE, "0010" },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                _cleanup_bytes_ Bytes v = test_unhex(rows[i].hex), again = BYTES_NULL, none = BYTES_NULL;

                check_int(round_trip(rows[i].s, bytes_view(&v), &again), 0);
                check(view_equal(bytes_view(&v), bytes_view(&again)));
                for (size_t n = 0; n < v.size; n++)
                        check_int(round_trip(rows[i].s, VIEW(v.data, n), &none), -EBADMSG);
                check_int(round_trip(rows[i].s, VIEW(v.data, v.size + 1), &none), -EBADMSG);
                check(!none.data);
        }
}

static void test_bad(void) {
        static const struct {
                Structure s;
                const char *what, *hex;
        } rows[] = {
                { PUBLIC, "unknown type", "7777 000b 00050472 0000 0010 0018 000b 0003 0010 0000 0000" },
                { PUBLIC, "unknown symmetric", "0023 000b 00050472 0000 7777 0018 000b 0003 0010 0000 0000" },
                { PUBLIC, "unknown scheme", "0023 000b 00050472 0000 0010 7777 000b 0003 0010 0000 0000" },
                { PUBLIC, "unknown kdf", "0023 000b 00050472 0000 0010 0018 000b 0003 7777 0000 0000" },
                { PUBLIC, "policy beyond the end", "0023 000b 00050472 ffff 0010 0018 000b 0003 0010 0000 0000" },
                { PUBLIC, "x beyond the end", "0023 000b 00050472 0000 0010 0018 000b 0003 0010 0005 0000" },
                { ATTEST, "unknown type", "ff544347 8000 0000 0000" CLOCK "00" FIRMWARE "0000 0000" },
                { ATTEST, "safe is 2", "ff544347 801a 0000 0000" CLOCK "02" FIRMWARE "0000 0000" },
                { ATTEST, "safe is 255", "ff544347 801a 0000 0000" CLOCK "ff" FIRMWARE "0000 0000" },
                { ATTEST, "hash beyond the end", "ff544347 801a 0000 0000" CLOCK "00" FIRMWARE "0000 0001" },
                { ATTEST, "a quote of 4 billion PCR banks",
                  "ff544347 8018 0000 0001 aa" CLOCK "00" FIRMWARE "ffffffff 000b 03 000000 0000" },
                { ATTEST, "a quote of 255 bytes of PCRs",
                  "ff544347 8018 0000 0001 aa" CLOCK "00" FIRMWARE "00000001 000b ff 000000 0000" },
                { CREATION, "17 PCR banks", "00000011" "000b00000b00000b00000b00000b00000b00000b00000b00000b00"
                  "000b00000b00000b00000b00000b00000b00000b00000b00" "0000 01 0010 0000 0000 0000" },
                { CREATION, "4 billion PCR banks", "ffffffff 000b 03 000000 0000 01 0010 0000 0000 0000" },
                { CREATION, "5 bytes of PCRs", "00000001 000b 05 0000000000 0000 01 0010 0000 0000 0000" },
                { CREATION, "255 bytes of PCRs", "00000001 000b ff 0000000000 0000 01 0010 0000 0000 0000" },
                { SIGNATURE, "unknown scheme", "7777 000b 0001 01" },
                { SIGNATURE, "s beyond the end", "0018 000b 0001 01 0003 0101" },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                _cleanup_bytes_ Bytes v = test_unhex(rows[i].hex), none = BYTES_NULL;

                if (round_trip(rows[i].s, bytes_view(&v), &none) != -EBADMSG) {
                        fprintf(stderr, "%s: taken\n", rows[i].what);
                        abort();
                }
        }
}

#define CAPACITY(type, member) sizeof(((type *) NULL)->member)

/* A TPM2B that is whole, but longer than its type holds. */
static void test_oversize(void) {
        static const struct {
                Structure s;
                const char *before;
                size_t n;
                const char *after;
        } rows[] = {
                { PUBLIC, "0023 000b 00050472", CAPACITY(TPM2B_DIGEST, buffer), "0010 0018 000b 0003 0010 0000 0000" },
                { PUBLIC, "0023 000b 00050472 0000 0010 0018 000b 0003 0010", CAPACITY(TPM2B_ECC_PARAMETER, buffer), "0000" },
                { PUBLIC, "0001 000b 00050472 0000 0010 0014 000b 0800 00000000", CAPACITY(TPM2B_PUBLIC_KEY_RSA, buffer), "" },
                { ATTEST, "ff544347 801a", CAPACITY(TPM2B_NAME, name), "0000" CLOCK "00" FIRMWARE "0000 0000" },
                { ATTEST, "ff544347 801a 0000", CAPACITY(TPM2B_DATA, buffer), CLOCK "00" FIRMWARE "0000 0000" },
                { CREATION, "00000000 0000 01 0010", CAPACITY(TPM2B_NAME, name), "0000 0000" },
                { CREATION, "00000000", CAPACITY(TPM2B_DIGEST, buffer), "01 0010 0000 0000 0000" },
                { SIGNATURE, "0014 000b", CAPACITY(TPM2B_PUBLIC_KEY_RSA, buffer), "" },
                { SIGNATURE, "0018 000b 0001 01", CAPACITY(TPM2B_ECC_PARAMETER, buffer), "" },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++)
                for (size_t extra = 0; extra < 2; extra++) {
                        _cleanup_bytes_ Bytes before = test_unhex(rows[i].before), after = test_unhex(rows[i].after);
                        _cleanup_bytes_ Bytes again = BYTES_NULL;
                        uint8_t buffer[TPM_STRUCTURE_MAX];
                        ByteWriter w = WRITER(buffer, sizeof(buffer));

                        write_view(&w, bytes_view(&before));
                        write_u16(&w, (uint16_t) (rows[i].n + extra));
                        write_zeros(&w, rows[i].n + extra);
                        write_view(&w, bytes_view(&after));
                        check_int(round_trip(rows[i].s, writer_view(&w), &again), extra ? -EBADMSG : 0);
                }
}

static void test_name(void) {
        _cleanup_bytes_ Bytes v = test_unhex(NUVOTON_AK_PUBLIC), data = test_unhex(NUVOTON_AK_CREATION_DATA);
        TPM2B_NAME name;
        TPM2B_DIGEST digest;

        check_int(tpm_object_name(bytes_view(&v), &name), 0);
        check_hex(VIEW(name.name, name.size), "000b83ff4eb0e0de153802d18d32ca389c8f4132ff3a0d3e6f39be6a0e43f66e3f47");
        check_int(tpm_hash(TPM2_ALG_SHA256, bytes_view(&data), &digest), 0);
        check_hex(VIEW(digest.buffer, digest.size),
                  "d4287ee533077230e3f5825c8efa74aec5ae5bdc0506442686b47ef332fb9f1b");

        v.data[3] = TPM2_ALG_SHA384;
        check_int(tpm_object_name(bytes_view(&v), &name), 0);
        check_int(name.size, 2 + 48);
        v.data[3] = TPM2_ALG_NULL;
        check_int(tpm_object_name(bytes_view(&v), &name), -ENOTSUP);
        check_int(tpm_object_name(VIEW(v.data, 3), &name), -EBADMSG);
        check_int(tpm_object_name(VIEW_NULL, &name), -EBADMSG);
        check_int(name.size, 2 + 48);

        check_int(tpm_hash(TPM2_ALG_SHA256, VIEW_NULL, &digest), 0);
        check_hex(VIEW(digest.buffer, digest.size),
                  "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        check_int(tpm_hash(TPM2_ALG_SM3_256, VIEW_NULL, &digest), -ENOTSUP);
}

static int key_of(const char *hex, PublicKey *ret) {
        _cleanup_bytes_ Bytes v = test_unhex(hex);
        TPMT_PUBLIC p;

        check_int(tpm_public_decode(bytes_view(&v), &p), 0);
        return tpm_public_get_key(&p, ret);
}

static void test_key(void) {
        _cleanup_bytes_ Bytes v = test_unhex(NUVOTON_AK_PUBLIC), again = BYTES_NULL;
        TPMT_PUBLIC p, q;
        PublicKey k;

        check_int(tpm_public_decode(bytes_view(&v), &p), 0);
        check_int(tpm_public_get_key(&p, &k), 0);
        check_int(k.type, KEY_TYPE_RSA);
        check_int(k.size, 256);
        check_int(k.exponent, 65537);
        check(memcmp(k.n, p.unique.rsa.buffer, 256) == 0);

        /* and back, into a public area that held another */
        q = p;
        memset(&q.unique, 0xff, sizeof(q.unique));
        q.parameters.rsaDetail.keyBits = 1024;
        q.parameters.rsaDetail.exponent = 3;
        check_int(tpm_public_set_key(&q, &k), 0);
        check_int(tpm_public_encode(&q, &again), 0);
        check_hex(bytes_view(&again), NUVOTON_AK_PUBLIC);

        k.exponent = 65539;
        check_int(tpm_public_set_key(&q, &k), 0);
        check_int(q.parameters.rsaDetail.exponent, 65539);
        q.type = TPM2_ALG_ECC;
        check_int(tpm_public_set_key(&q, &k), -ENOTSUP);
        k.type = KEY_TYPE_INVALID;
        check_int(tpm_public_set_key(&q, &k), -ENOTSUP);
        k.type = KEY_TYPE_RSA;
        k.size = PUBLIC_KEY_RSA_SIZE_MAX + 1;
        check_int(tpm_public_set_key(&p, &k), -ENOTSUP);
}

static void test_key_refused(void) {
        static const struct {
                const char *hex;
                int error;
        } rows[] = {
                { "0008 000b 00000052 0000 0010 0000", -ENOTSUP },
                { "0001 000b 00050472 0000 0010 0014 000b 0400 00000000 0001 ff", -ENOTSUP },
                { "0001 000b 00050472 0000 0010 0014 000b 0800 00000000 0001 ff", -EINVAL },
                { "0001 000b 00050472 0000 0010 0014 000b 0800 00000000 0000", -EINVAL },
                { "0023 000b 00050472 0000 0010 0018 000b 0005 0010 0001 01 0001 01", -ENOTSUP },
                { "0023 000b 00050472 0000 0010 0018 000b 0003 0010 0001 01 0001 01", -EINVAL },
                { "0023 000b 00050472 0000 0010 0018 000b 0003 0010 0000 0000", -EINVAL },
                { "0023 000b 00050472 0000 0010 0018 000b 0003 0010 0021"
                  "000000000000000000000000000000000000000000000000000000000000000001 0001 01", -EINVAL },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                PublicKey k;
                check_int(key_of(rows[i].hex, &k), rows[i].error);
        }
}

/* TPMs before Part 1, C.8 asked for padding may leave out a leading zero. */
static void test_short_coordinate(void) {
        static const char x[] = "01000000000000000000000000000000000000000000000000000000000008";
        static const char y[] = "3c17b9c8fe444677b7f9c7e6ccd9857a7a282172102d8403159c252d8f4b2150";
        char hex[512];
        PublicKey shorter, padded;

        snprintf(hex, sizeof(hex), "0023 000b 00050472 0000 0010 0018 000b 0003 0010 001f %s 0020 %s", x, y);
        check_int(key_of(hex, &shorter), 0);
        snprintf(hex, sizeof(hex), "0023 000b 00050472 0000 0010 0018 000b 0003 0010 0020 00%s 0020 %s", x, y);
        check_int(key_of(hex, &padded), 0);
        check_int(padded.type, KEY_TYPE_P256);
        check(public_key_equal(&shorter, &padded));
}

/* libtss2-mu writes a line for some of what it refuses; nothing of ours may make it do so. */
static void test_silent(void (*test)(void)) {
        _cleanup_close_ int saved = dup(STDERR_FILENO);
        FILE *f = tmpfile();

        check(saved >= 0 && f && dup2(fileno(f), STDERR_FILENO) >= 0);
        test();
        check(dup2(saved, STDERR_FILENO) >= 0);
        check_int(lseek(fileno(f), 0, SEEK_END), 0);
        (void) fclose(f);
}

int main(void) {
        test_good();
        test_bad(); /* first aloud, so that a failure is seen */
        test_silent(test_bad);
        test_silent(test_oversize);
        test_name();
        test_key();
        test_key_refused();
        test_short_coordinate();
        return EXIT_SUCCESS;
}
