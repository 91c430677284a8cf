/* SPDX-License-Identifier: MIT */
#include "protocol/tpm-vendors.h"

#include <strings.h>

#define MANUFACTURER_PREFIX "id:"
#define MANUFACTURER_DIGITS 8U

/* names: as folders of Microsoft's TrustedTpm.cab and other collections call them. */
static const struct {
        const char *id, *title;
        const char *names[3];
} vendors[] = {
        { "AMD", "AMD", { "Advanced Micro Devices" } },
        { "ATML", "Atmel", { "Microchip" } },
        { "GOOG", "Google", { "GCE", "Google Cloud" } },
        { "IFX", "Infineon", { "Infineon Technologies" } },
        { "INTC", "Intel", { "Intel Corporation" } },
        { "MSFT", "Microsoft", { "Pluton" } },
        { "NSG", "NSING", { "NSING Technologies" } },
        { "NTC", "Nuvoton", { "Nuvoton Technology" } },
        { "NTZ", "NationZ", { "Nationz Technologies" } },
        { "QCOM", "Qualcomm", { "QC" } },
        { "STM", "STMicroelectronics", { "STMicro", "ST" } },
        { "WEC", "Winbond", {} },
};

bool tpm_vendor_same(const char *a, const char *b) {
        return strcasecmp(a, b) == 0;
}

static bool is_called(size_t i, const char *name) {
        if (tpm_vendor_same(vendors[i].id, name) || tpm_vendor_same(vendors[i].title, name))
                return true;
        for (size_t k = 0; k < ELEMENTSOF(vendors[i].names) && vendors[i].names[k]; k++)
                if (tpm_vendor_same(vendors[i].names[k], name))
                        return true;
        return false;
}

static bool is_letter_or_digit(char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

int tpm_vendor_from_name(const char *name, char ret[static TPM_VENDOR_MAX_NAME]) {
        for (size_t i = 0; i < ELEMENTSOF(vendors); i++)
                if (is_called(i, name)) {
                        strcpy(ret, vendors[i].id);
                        return 0;
                }
        size_t n = strlen(name);
        if (n >= TPM_VENDOR_MAX_NAME || !is_letter_or_digit(name[0]))
                return -EINVAL;
        for (size_t i = 0; i < n; i++)
                if (!is_letter_or_digit(name[i]) && !strchr("._-", name[i]))
                        return -EINVAL;
        memcpy(ret, name, n + 1);
        return 0;
}

int tpm_vendor_from_manufacturer(const char *text, char ret[static TPM_VENDOR_MAX_NAME]) {
        _cleanup_bytes_ Bytes id = BYTES_NULL;
        char name[MANUFACTURER_DIGITS / 2 + 1] = "";
        size_t n = strlen(MANUFACTURER_PREFIX);

        if (strncmp(text, MANUFACTURER_PREFIX, n) != 0 || strlen(text + n) != MANUFACTURER_DIGITS)
                return -EINVAL;
        int r = hex_decode(text + n, MANUFACTURER_DIGITS, &id);
        if (r < 0)
                return r;
        memcpy(name, id.data, id.size);
        /* Short ones are filled with NUL or spaces. */
        for (size_t i = strlen(name); i > 0 && name[i - 1] == ' '; i--)
                name[i - 1] = 0;
        return tpm_vendor_from_name(name, ret);
}

const char *tpm_vendor_title(const char *vendor) {
        for (size_t i = 0; i < ELEMENTSOF(vendors); i++)
                if (tpm_vendor_same(vendors[i].id, vendor))
                        return vendors[i].title;
        return vendor;
}
