/* SPDX-License-Identifier: MIT */
/* The templates as bytes. Expected values: TCG EK Credential Profile 2.x, annex B; a TPM derives another key
 * from any other byte. */
#include <tss2/tss2_mu.h>

#include "protocol/tpm-templates.h"
#include "test.h"

#define Z16 "00000000000000000000000000000000"
#define Z32 Z16 Z16
#define Z256 Z32 Z32 Z32 Z32 Z32 Z32 Z32 Z32
#define A256 "837197674484b3f81a90cc8d46a5d724fd52d76e06520b64f2a1da1b331469aa"
#define B256 "ca3d0a99a2b93906f7a3342414efcfb3a385d44cd1fd459089d19b5071c0b7a0"
#define B384 "b26e7d28d11a50bc53d882bcf5fd3a1a074148bb35d3b4e4cb1c0ad9bde419cacb47ba09699646150f9fc000f3f80e12"

static void check_public(const TPM2B_PUBLIC *p, const char *expected) {
        uint8_t buffer[sizeof(TPMT_PUBLIC)];
        size_t n = 0;

        check_int(p->size, 0); /* ESYS wants it so, or right */
        check_int(Tss2_MU_TPMT_PUBLIC_Marshal(&p->publicArea, buffer, sizeof(buffer), &n), TSS2_RC_SUCCESS);
        check_hex(VIEW(buffer, n), expected);
}

static void test_ek(void) {
        static const struct {
                EkTemplate t;
                uint32_t certificate_nv;
                const char *name, *key, *hex;
        } rows[] = {
                { EK_TEMPLATE_L1, 0x01c00002, "L-1", "rsa-2048",
                  "0001 000b 000300b2 0020" A256 "0006 0080 0043 0010 0800 00000000 0100" Z256 },
                { EK_TEMPLATE_L2, 0x01c0000a, "L-2", "p-256",
                  "0023 000b 000300b2 0020" A256 "0006 0080 0043 0010 0003 0010 0020" Z32 "0020" Z32 },
                { EK_TEMPLATE_H1, 0x01c00012, "H-1", "rsa-2048",
                  "0001 000b 000300f2 0020" B256 "0006 0080 0043 0010 0800 00000000 0000" },
                { EK_TEMPLATE_H2, 0x01c00014, "H-2", "p-256",
                  "0023 000b 000300f2 0020" B256 "0006 0080 0043 0010 0003 0010 0000 0000" },
                { EK_TEMPLATE_H3, 0x01c00016, "H-3", "p-384",
                  "0023 000c 000300f2 0030" B384 "0006 0100 0043 0010 0004 0010 0000 0000" },
                { EK_TEMPLATE_H6, 0x01c0001c, "H-6", "rsa-3072",
                  "0001 000c 000300f2 0030" B384 "0006 0100 0043 0010 0c00 00000000 0000" },
                { EK_TEMPLATE_H7, 0x01c0001e, "H-7", "rsa-4096",
                  "0001 000c 000300f2 0030" B384 "0006 0100 0043 0010 1000 00000000 0000" },
        };

        check_int(ELEMENTSOF(rows), _EK_TEMPLATE_MAX);
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                TPM2B_PUBLIC p;
                const EkTemplateInfo *info = ek_template_info(rows[i].t);

                check(info);
                check_str(info->name, rows[i].name);
                check_str(info->key, rows[i].key);
                check_int(info->certificate_nv, rows[i].certificate_nv);
                check_int(info->password, rows[i].name[0] == 'H');
                check_int(ek_template_public(rows[i].t, VIEW_NULL, &p), 0);
                check_public(&p, rows[i].hex);
        }
}

static void test_ek_nonce(void) {
        uint8_t nonce[257] = { 1, 2, 3 };
        TPM2B_PUBLIC p;

        check_int(ek_template_public(EK_TEMPLATE_L1, VIEW(nonce, 3), &p), 0);
        check_int(p.publicArea.unique.rsa.size, 256);
        check_int(p.publicArea.unique.rsa.buffer[2], 3);
        check_int(p.publicArea.unique.rsa.buffer[3], 0);
        check_int(ek_template_public(EK_TEMPLATE_L2, VIEW(nonce, 32), &p), 0);
        check_int(p.publicArea.unique.ecc.x.buffer[2], 3);
        check_int(p.publicArea.unique.ecc.y.size, 32);

        /* and what is refused leaves the output alone */
        p.size = 77;
        check_int(ek_template_public(EK_TEMPLATE_L1, VIEW(nonce, 257), &p), -EINVAL);
        check_int(ek_template_public(EK_TEMPLATE_L2, VIEW(nonce, 33), &p), -EINVAL);
        check_int(ek_template_public(EK_TEMPLATE_H1, VIEW(nonce, 1), &p), -EINVAL);
        check_int(ek_template_public(_EK_TEMPLATE_MAX, VIEW_NULL, &p), -EINVAL);
        check_int(ek_template_public(_EK_TEMPLATE_INVALID, VIEW_NULL, &p), -EINVAL);
        check(!ek_template_info(_EK_TEMPLATE_MAX));
        check(!ek_template_info(_EK_TEMPLATE_INVALID));
        check_int(p.size, 77);
}

static void test_ours(void) {
        TPM2B_PUBLIC p;

        storage_template_public(&p);
        check_public(&p, "0023 000b 00030472 0000 0006 0080 0043 0010 0003 0010 0000 0000");

        check_int(ak_template_public(KEY_TYPE_RSA, &p), 0);
        check_public(&p, "0001 000b 00050472 0000 0010 0014 000b 0800 00000000 0000");
        check_int(ak_template_public(KEY_TYPE_P256, &p), 0);
        check_public(&p, "0023 000b 00050472 0000 0010 0018 000b 0003 0010 0000 0000");

        check_int(device_key_template_public(KEY_TYPE_RSA, &p), 0);
        check_public(&p, "0001 000b 00060472 0000 0010 0010 0800 00000000 0000");
        check_int(device_key_template_public(KEY_TYPE_P256, &p), 0);
        check_public(&p, "0023 000b 00040472 0000 0010 0010 0003 0010 0000 0000");

        check_int(ak_template_public(KEY_TYPE_P384, &p), -ENOTSUP);
        check_int(device_key_template_public(KEY_TYPE_P384, &p), -ENOTSUP);
        check_int(device_key_template_public(KEY_TYPE_INVALID, &p), -ENOTSUP);
}

int main(void) {
        test_ek();
        test_ek_nonce();
        test_ours();
        return EXIT_SUCCESS;
}
