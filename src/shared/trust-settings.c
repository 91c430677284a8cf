/* SPDX-License-Identifier: MIT */
#include "shared/trust-settings.h"

#include "shared/settings-files.h"

#define SETTINGS_FILE ATTEZT_SETTINGS_DIR "/atteztd.conf"
#define SECTION "HTTP"
#define MANAGED ATTEZT_SERVER_STATE_DIR "/public/" TRUST_STORE_MANAGED

void trust_settings_done(TrustSettings *s) {
        for (char **d = s->directories; *d; d++)
                free(*d);
        *s = (TrustSettings) {};
}

static int add(TrustSettings *s, size_t max, const char *directory) {
        size_t n = 0;

        while (s->directories[n])
                n++;
        if (n == max)
                return 0;
        s->directories[n] = strdup(directory);
        return s->directories[n] ? 0 : -ENOMEM;
}

static int on_setting(const char *file, unsigned line, const char *section, const char *key, const char *value,
                      void *userdata) {
        TrustSettings *s = userdata;

        if (strcmp(section, SECTION) != 0)
                return 0;
        if (strcmp(key, "EKRoots") == 0)
                return add(s, TRUST_DIRECTORIES_MAX, value);
        (void) ek_policy_set(&s->policy, key, value);
        return 0;
}

int trust_settings_load(bool managed, TrustSettings *ret) {
        _cleanup_trust_settings_ TrustSettings s = {};
        size_t max = ELEMENTSOF(s.directories) - 1;

        ek_policy_default(&s.policy);
        int r = settings_files_read(SETTINGS_FILE, on_setting, &s, NULL);
        if (r >= 0 && !s.directories[0]) {
                r = add(&s, max, TRUST_STORE_LOCAL);
                if (r >= 0)
                        r = add(&s, max, TRUST_STORE_VENDORS);
        }
        if (r >= 0 && managed)
                r = add(&s, max, MANAGED);
        if (r >= 0 && s.policy.virtual_tpms)
                r = add(&s, max, TRUST_STORE_VIRTUAL);
        if (r < 0)
                return r;
        *ret = TAKE_GENERIC(s, (TrustSettings) {});
        return 0;
}
