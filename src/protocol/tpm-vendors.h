/* SPDX-License-Identifier: MIT */
#pragma once

/* Vendors of TPMs by their identifiers (TCG TPM Vendor ID Registry): the four characters that a TPM gives as its
 * manufacturer, and what people call them. */
#include "shared/bytes.h"

#define TPM_VENDOR_MAX_NAME 32U /* with NUL */

/* The identifier of a vendor that is called so: "Infineon", "infineon technologies", "ifx" are IFX. A name that is not
 * known is one by itself, as written, if it has 1 to 31 of A-Z a-z 0-9 . _ - and begins with a letter or digit.
 * -EINVAL otherwise. */
int tpm_vendor_from_name(const char *name, char ret[static TPM_VENDOR_MAX_NAME]);
/* The identifier in tpmManufacturer of an EK certificate, "id:53544D20" is STM. -EINVAL when there is none. */
int tpm_vendor_from_manufacturer(const char *text, char ret[static TPM_VENDOR_MAX_NAME]);
/* For people: "STMicroelectronics"; the identifier itself when it is not known. */
const char *tpm_vendor_title(const char *vendor);
/* Without regard to case. */
bool tpm_vendor_same(const char *a, const char *b);
