/* SPDX-License-Identifier: MIT */
#include "fuzz.h"
#include "protocol/browser-policy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        static const char *const pattern[] = { "https://a.test" };
        _cleanup_bytes_ Bytes a = BYTES_NULL, b = BYTES_NULL, c = BYTES_NULL, d = BYTES_NULL;
        _cleanup_free_ char *library = NULL;
        ByteView file = VIEW(data, size);
        ChromiumRules rules;

        if (chromium_policy_add(file, pattern, 1, "I", &a) >= 0 &&
            (chromium_policy_count(bytes_view(&a), "I", &rules) < 0 || rules.n_issuer == 0 ||
             chromium_policy_remove(bytes_view(&a), pattern, 1, &b) < 0))
                return fuzz_broken();
        if (firefox_policy_add(file, "n", "/l", &c) >= 0 &&
            (firefox_policy_get(bytes_view(&c), "n", &library) < 0 || strcmp(library, "/l") != 0 ||
             firefox_policy_remove(bytes_view(&c), "n", &d) < 0))
                return fuzz_broken();
        return 0;
}
