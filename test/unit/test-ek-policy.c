/* SPDX-License-Identifier: MIT */
#include "protocol/ek-policy.h"

#include "test.h"

static void check_vendor(const char *name, const char *expected) {
        char id[TPM_VENDOR_MAX_NAME] = "";

        check_int(tpm_vendor_from_name(name, id), expected ? 0 : -EINVAL);
        check_str(id, expected ?: "");
}

static void test_names(void) {
        check_vendor("Infineon", "IFX");
        check_vendor("infineon technologies", "IFX");
        check_vendor("ifx", "IFX");
        check_vendor("STMicro", "STM");
        check_vendor("Example-1.x_y", "Example-1.x_y");
        check_vendor("", NULL);
        check_vendor("-x", NULL);
        check_vendor(".x", NULL);
        check_vendor("a/b", NULL);
        check_vendor("a b", NULL);
        check_vendor("0123456789012345678901234567890", "0123456789012345678901234567890");
        check_vendor("01234567890123456789012345678901", NULL);
        check_str(tpm_vendor_title("stm"), "STMicroelectronics");
        check_str(tpm_vendor_title("XYZ"), "XYZ");
}

static void check_manufacturer(const char *text, const char *expected) {
        char id[TPM_VENDOR_MAX_NAME] = "";

        check_int(tpm_vendor_from_manufacturer(text, id), expected ? 0 : -EINVAL);
        check_str(id, expected ?: "");
}

static void test_manufacturers(void) {
        check_manufacturer("id:53544D20", "STM");
        check_manufacturer("id:4E544300", "NTC");
        check_manufacturer("id:49465800", "IFX");
        check_manufacturer("id:494E5443", "INTC");
        check_manufacturer("id:474f4f47", "GOOG");
        check_manufacturer("id:54455354", "TEST");
        check_manufacturer("id:00001014", NULL);
        check_manufacturer("id:2F2F2F2F", NULL);
        check_manufacturer("id:53544D2", NULL);
        check_manufacturer("53544D20", NULL);
        check_manufacturer("id:5354ZZ20", NULL);
        check_manufacturer("unspecified", NULL);
}

static void test_policy(void) {
        EkPolicy p;

        ek_policy_default(&p);
        check_int(ek_policy_allow(&p, "STM"), EK_ALLOW_EXPIRED | EK_ALLOW_SHA1_EK);
        check_int(ek_policy_allow(&p, ""), EK_ALLOW_EXPIRED);
        check(!p.virtual_tpms);

        check_int(ek_policy_set(&p, "AllowExpiredEK", "no"), 0);
        check_int(ek_policy_allow(&p, "STM"), EK_ALLOW_SHA1_EK);
        check_int(ek_policy_allow(&p, "no"), 0); /* that was no vendor's name */
        check_int(ek_policy_set(&p, "AllowExpiredEK", "01234567890123456789012345678901"), -EINVAL);
        check_int(ek_policy_set(&p, "AllowExpiredEK", " Infineon\tNTC "), 0);
        check_int(ek_policy_allow(&p, "IFX"), EK_ALLOW_EXPIRED);
        check_int(ek_policy_allow(&p, "ntc"), EK_ALLOW_EXPIRED);
        check_int(ek_policy_allow(&p, ""), 0);
        check_int(ek_policy_set(&p, "AllowSHA1EK", "yes"), 0);
        check_int(ek_policy_allow(&p, ""), EK_ALLOW_SHA1_EK);
        check_int(ek_policy_set(&p, "AllowSHA1EK", "no"), 0);
        check_int(ek_policy_set(&p, "AllowSHA1CA", "IFX"), 0);
        check_int(ek_policy_allow(&p, "IFX"), EK_ALLOW_EXPIRED | EK_ALLOW_SHA1_CA);
        check_int(ek_policy_allow(&p, "STM"), 0);
        check_int(ek_policy_set(&p, "AllowVirtualTPM", "yes"), 0);
        check(p.virtual_tpms);
        /* What makes no sense leaves all as it was. */
        check_int(ek_policy_set(&p, "AllowVirtualTPM", "GOOG"), -EINVAL);
        check_int(ek_policy_set(&p, "AllowSHA1CA", ""), -EINVAL);
        check_int(ek_policy_set(&p, "AllowSHA1CA", "a/b"), -EINVAL);
        check_int(ek_policy_set(&p, "AllowSHA1CA", "a b c d e f g h i j k l m n o p"), 0);
        check_int(ek_policy_set(&p, "AllowSHA1CA", "a b c d e f g h i j k l m n o p q"), -E2BIG);
        check_int(ek_policy_allow(&p, "p"), EK_ALLOW_SHA1_CA);
        check_int(ek_policy_set(&p, "EKRoots", "x"), -ENOENT);
}

int main(void) {
        test_names();
        test_manufacturers();
        test_policy();
        return EXIT_SUCCESS;
}
