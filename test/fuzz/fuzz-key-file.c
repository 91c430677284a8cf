/* SPDX-License-Identifier: MIT */
#include "fuzz.h"
#include "protocol/key-file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_key_file_ KeyFile k = {}, again = {};
        _cleanup_bytes_ Bytes pem = BYTES_NULL;

        if (key_file_parse(VIEW(data, size), &k) < 0 || k.has_policy)
                return 0;
        if (key_file_build_pem(&k, &pem) < 0 || key_file_parse(bytes_view(&pem), &again) < 0)
                return fuzz_broken();
        if (k.parent != again.parent || k.empty_auth != again.empty_auth ||
            !view_equal(bytes_view(&k.private_blob), bytes_view(&again.private_blob)))
                abort();
        return 0;
}
