/* SPDX-License-Identifier: MIT */
#include "protocol/ak-certificate.h"

#include "test.h"

static AkCertificate example(const char *const *names) {
        AkCertificate c = {
                .names = names,
                .tpm = { .manufacturer = "id:00001014", .model = "swtpm", .version = "id:20191023" },
        };

        check_int(device_hash_parse("2ea8888a4a935bfd418e6a700785655b0d2711abc52e71f1dbeeee03e9650396",
                                    c.ek_hash), 0);
        return c;
}

static void test_san(void) {
        AkCertificate c = example((const char *const[]) { "device-01", NULL });
        _cleanup_bytes_ Bytes san = BYTES_NULL, many = BYTES_NULL, none = BYTES_NULL;

        check_int(ak_certificate_san(&c, &san), 0);
        check_hex(bytes_view(&san),
                  "30819da01906082b06010505070803a00d300b0c096465766963652d3031863a"
                  "75726e3a656b3a7368613235363a4c716949696b7154572f31426a6d70774234"
                  "566c5777306e456176464c6e4878322b3775412b6c6c4135593da44430423116"
                  "3014060567810502010c0b69643a30303030313031343110300e060567810502"
                  "020c05737774706d31163014060567810502030c0b69643a3230313931303233");

        c.names = (const char *const[]) { "a", "B", NULL };
        check_int(ak_certificate_san(&c, &many), 0);
        check_hex(VIEW(many.data, 3 + 2 * 19),
                  "3081 a8 a01106082b06010505070803a00530030c0161 a01106082b06010505070803a00530030c0142");

        c.names = NULL;
        c.any_name = true;
        check_int(ak_certificate_san(&c, &none), 0);
        check_hex(VIEW(none.data, 5), "308182863a");
}

/* The largest of everything still fits. */
static void test_san_full(void) {
        char texts[DEVICE_NAMES_MAX + 1][DEVICE_NAME_MAX + 1];
        const char *names[DEVICE_NAMES_MAX + 2] = {};
        AkCertificate c = example(names);
        Bytes san = BYTES_NULL;

        for (size_t i = 0; i < DEVICE_NAMES_MAX; i++) {
                memset(texts[i], 'x', DEVICE_NAME_MAX);
                texts[i][DEVICE_NAME_MAX] = 0;
                names[i] = texts[i];
        }
        memset(c.tpm.manufacturer, 'm', TPM_DATA_TEXT_MAX - 1);
        memset(c.tpm.model, 'm', TPM_DATA_TEXT_MAX - 1);
        memset(c.tpm.version, 'm', TPM_DATA_TEXT_MAX - 1);
        check_int(ak_certificate_san(&c, &san), 0);
        check_int(san.size,
                  4 + DEVICE_NAMES_MAX * (2 + 10 + 2 + 2 + 2 + 64) + 60 + 3 + 3 + 3 * (2 + 2 + 7 + 2 + 64));
        bytes_done(&san);

        names[DEVICE_NAMES_MAX] = "one-too-many";
        check_int(ak_certificate_san(&c, &san), -EINVAL);
}

static void test_F13_san_without_a_name_is_refused(void) {
        AkCertificate c;
        Bytes san = BYTES_NULL;

        /* F13: an AK certificate without a name would order any. */
        c = example(NULL);
        check_int(ak_certificate_san(&c, &san), -EINVAL);
        c = example((const char *const[]) { NULL });
        check_int(ak_certificate_san(&c, &san), -EINVAL);
        c = example((const char *const[]) { "good", "bad name", NULL });
        check_int(ak_certificate_san(&c, &san), -EINVAL);
        c.any_name = true;
        check_int(ak_certificate_san(&c, &san), -EINVAL);

        c = example((const char *const[]) { "a", NULL });
        c.tpm.model[0] = 0;
        check_int(ak_certificate_san(&c, &san), -EINVAL);
        c = example((const char *const[]) { "a", NULL });
        c.tpm = AK_TPM_UNVERIFIED;
        check_int(ak_certificate_san(&c, &san), 0);
        bytes_done(&san);
}

static void test_serial(void) {
        uint8_t serial[AK_SERIAL_SIZE] = { 0x80, 1 };

        ak_certificate_serial(serial);
        check_int(serial[0], 1);
        check_int(serial[1], 1);
        memset(serial, 0xff, sizeof(serial));
        ak_certificate_serial(serial);
        check_int(serial[0], 0x7f);
        check_int(serial[15], 0xff);
}

static void test_F12_U9_validity_ends_with_the_issuer(void) {
        int64_t from = 1, to = 2;

        check_int(ak_certificate_validity(1000000, 3600, 1000000, &from, &to), -ESTALE);
        check_int(ak_certificate_validity(1000000, 0, 2000000, &from, &to), -EINVAL);
        check_int(ak_certificate_validity(1000000, -1, 2000000, &from, &to), -EINVAL);
        check_int(ak_certificate_validity(1000000, AK_LIFETIME_MAX + 1, 2000000, &from, &to), -EINVAL);
        check_int(ak_certificate_validity(INT64_MAX, 3600, INT64_MAX, &from, &to), -EINVAL);
        check_int(from, 1);
        check_int(to, 2);

        check_int(ak_certificate_validity(1000000, 3600, 2000000, &from, &to), 0);
        check_int(from, 1000000 - 300);
        check_int(to, 1003600);
        /* F12: never beyond the issuer */
        check_int(ak_certificate_validity(1000000, AK_LIFETIME_MAX, 1000001, &from, &to), 0);
        check_int(to, 1000001);
}

int main(void) {
        test_san();
        test_san_full();
        test_F13_san_without_a_name_is_refused();
        test_serial();
        test_F12_U9_validity_ends_with_the_issuer();
        return EXIT_SUCCESS;
}
