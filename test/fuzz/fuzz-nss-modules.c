/* SPDX-License-Identifier: MIT */
#include "fuzz.h"
#include "protocol/nss-modules.h"

/* What is added is found, and taken away again leaves the same modules. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_bytes_ Bytes with = BYTES_NULL, without = BYTES_NULL;
        _cleanup_free_ char *library = NULL, *other = NULL;
        ByteView file = VIEW(data, size);

        (void) nss_modules_find_library(file, "p11-kit-proxy.so", &other);
        if (nss_modules_add(file, "ours", "/a/b.so", &with) < 0)
                return 0;
        if (nss_modules_find(bytes_view(&with), "ours", &library) < 0 ||
            nss_modules_remove(bytes_view(&with), "ours", &without) < 0)
                return fuzz_broken();
        if (strcmp(library, "/a/b.so") != 0 || without.size < size ||
            memcmp(without.data, data, size) != 0 || without.size > size + 2)
                abort();
        return 0;
}
