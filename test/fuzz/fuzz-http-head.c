/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "protocol/http-head.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        HttpHead head = {};

        int r = http_head_parse(VIEW(data, size), &head);
        if (r >= 0 ? head.status < 100 || head.status > 999 || head.date < 0 : head.status != 0 || head.date != 0)
                abort();
        return 0;
}
