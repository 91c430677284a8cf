/* SPDX-License-Identifier: MIT */
#include "fuzz.h"
#include "protocol/settings.h"

static int take(const char *section, const char *key, const char *value, unsigned line, void *userdata) {
        int64_t seconds = 0;
        bool b;

        if (line == 0 || strlen(section) + strlen(key) > 2U * SETTINGS_LINE_MAX ||
            strlen(value) > SETTINGS_LINE_MAX)
                abort();
        (void) settings_parse_bool(value, &b);
        if (settings_parse_duration(value, 1000, &seconds) >= 0 && (seconds < 0 || seconds > 1000))
                abort();
        return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        unsigned line = 0;

        (void) settings_parse(VIEW(data, size), take, NULL, &line);
        return 0;
}
