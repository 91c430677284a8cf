/* SPDX-License-Identifier: MIT */
#pragma once

/* What is let pass of EK certificates, per vendor of the root: AllowExpiredEK= and its like. */
#include "protocol/ek-trust.h"

#define EK_POLICY_VENDORS_MAX 16U /* in one setting */

/* Whom a setting is about: all, nobody, or some vendors. */
typedef struct EkVendors {
        bool all;
        unsigned n;
        char vendors[EK_POLICY_VENDORS_MAX][TPM_VENDOR_MAX_NAME];
} EkVendors;

typedef struct EkPolicy {
        EkVendors expired, sha1_ek, sha1_ca;
        bool virtual_tpms; /* roots of TPMs that anyone can rent count, too */
} EkPolicy;

/* Expired ones of all vendors (a device is in the inventory, and its TPM proves its key), SHA-1 in EK certificates of
 * STMicroelectronics (that is how it signed them for years), no SHA-1 in intermediates, no virtual TPMs. */
void ek_policy_default(EkPolicy *ret);
/* "yes", "no", or names of vendors with spaces between them. -EINVAL; -E2BIG more than EK_POLICY_VENDORS_MAX. */
int ek_vendors_parse(const char *value, EkVendors *ret);
/* What the certificates under this vendor's anchors may be, of EkAllow. vendor: "" when it is not known. */
unsigned ek_policy_allow(const EkPolicy *p, const char *vendor);

/* One setting, by the name it has in atteztd.conf. -ENOENT: not one of these; -EINVAL, -E2BIG: its value. */
int ek_policy_set(EkPolicy *p, const char *key, const char *value);
