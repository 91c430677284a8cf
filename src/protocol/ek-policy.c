/* SPDX-License-Identifier: MIT */
#include "protocol/ek-policy.h"

#include "protocol/settings.h"

#define SPACE " \t"

static const EkVendors all = { .all = true };

void ek_policy_default(EkPolicy *ret) {
        *ret = (EkPolicy) { .expired = all, .sha1_ek = { .n = 1, .vendors = { "STM" } } };
}

int ek_vendors_parse(const char *value, EkVendors *ret) {
        EkVendors v = {};

        if (settings_parse_bool(value, &v.all) >= 0) {
                *ret = v;
                return 0;
        }
        for (const char *p = value + strspn(value, SPACE); *p; p += strspn(p, SPACE)) {
                char word[TPM_VENDOR_MAX_NAME];
                size_t n = strcspn(p, SPACE);

                if (n >= sizeof(word))
                        return -EINVAL;
                if (v.n == EK_POLICY_VENDORS_MAX)
                        return -E2BIG;
                memcpy(word, p, n);
                word[n] = 0;
                int r = tpm_vendor_from_name(word, v.vendors[v.n]);
                if (r < 0)
                        return r;
                v.n++;
                p += n;
        }
        if (v.n == 0)
                return -EINVAL;
        *ret = v;
        return 0;
}

static bool is_among(const EkVendors *v, const char *vendor) {
        for (unsigned i = 0; i < v->n; i++)
                if (tpm_vendor_same(v->vendors[i], vendor))
                        return true;
        return v->all;
}

unsigned ek_policy_allow(const EkPolicy *p, const char *vendor) {
        return (is_among(&p->expired, vendor) ? EK_ALLOW_EXPIRED : 0U) |
               (is_among(&p->sha1_ek, vendor) ? EK_ALLOW_SHA1_EK : 0U) |
               (is_among(&p->sha1_ca, vendor) ? EK_ALLOW_SHA1_CA : 0U);
}

int ek_policy_set(EkPolicy *p, const char *key, const char *value) {
        if (strcmp(key, "AllowExpiredEK") == 0)
                return ek_vendors_parse(value, &p->expired);
        if (strcmp(key, "AllowSHA1EK") == 0)
                return ek_vendors_parse(value, &p->sha1_ek);
        if (strcmp(key, "AllowSHA1CA") == 0)
                return ek_vendors_parse(value, &p->sha1_ca);
        if (strcmp(key, "AllowVirtualTPM") == 0)
                return settings_parse_bool(value, &p->virtual_tpms);
        return -ENOENT;
}
