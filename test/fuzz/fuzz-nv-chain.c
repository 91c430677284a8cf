/* SPDX-License-Identifier: MIT */
#include "fuzz.h"
#include "protocol/nv-chain.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        ByteView found[NV_CHAIN_CERTIFICATES_MAX];
        const uint8_t *at = data;

        size_t n = nv_chain_split(VIEW(data, size), found);
        if (n > NV_CHAIN_CERTIFICATES_MAX)
                abort();
        for (size_t i = 0; i < n; i++) {
                if (found[i].data < at || found[i].data + found[i].size > data + size)
                        abort();
                at = found[i].data + found[i].size;
        }
        return 0;
}
