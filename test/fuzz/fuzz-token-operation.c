/* SPDX-License-Identifier: MIT */
/* What decodes must encode to the same bytes. */
#include "fuzz.h"
#include "protocol/token-operation.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        uint8_t operation_again[TOKEN_OPERATION_ENCODED_SIZE], result_again[TOKEN_RESULT_ENCODED_SIZE];
        TokenOperation o;
        TokenResult r;

        if (token_operation_decode(VIEW(data, size), &o) >= 0 &&
            (token_operation_encode(&o, operation_again) < 0 ||
             !view_equal(VIEW_ARRAY(operation_again), VIEW(data, size))))
                abort();
        if (token_result_decode(VIEW(data, size), &r) >= 0 &&
            (token_result_encode(&r, result_again) < 0 || !view_equal(VIEW_ARRAY(result_again), VIEW(data, size))))
                abort();
        return 0;
}
