/* SPDX-License-Identifier: MIT */
/* What decodes must encode to the same bytes. */
#include "fuzz.h"
#include "protocol/front-wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        uint8_t again[FRONT_MESSAGE_MAX];
        FrontMessage m;

        if (front_message_decode(VIEW(data, size), &m) < 0)
                return 0;
        int n = front_message_encode(&m, again);
        if (n < 0 || !view_equal(VIEW(again, n), VIEW(data, size)))
                abort();
        return 0;
}
