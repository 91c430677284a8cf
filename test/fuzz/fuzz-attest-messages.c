/* SPDX-License-Identifier: MIT */
#include "fuzz.h"
#include "protocol/attest-messages.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_attest_request_ AttestRequest q = {}, again = {};
        _cleanup_attest_reply_ AttestReply reply = {};
        _cleanup_secret_reply_ SecretReply chain = {};
        _cleanup_attest_error_ AttestError error = {};
        _cleanup_bytes_ Bytes body = BYTES_NULL;
        uint8_t secret[ATTEST_SECRET_SIZE];
        ByteView input = VIEW(data, size);

        (void) secret_request_parse(input, secret);
        (void) attest_reply_parse(input, &reply);
        (void) secret_reply_parse(input, &chain);
        (void) attest_error_parse(input, &error);
        if (attest_request_parse(input, &q) < 0)
                return 0;

        /* What was understood can be said again. U+0000 and control characters grow when they are escaped.
         */
        if (attest_request_build(&q, &body) < 0)
                return fuzz_broken();
        if (body.size <= ATTEST_BODY_MAX && attest_request_parse(bytes_view(&body), &again) < 0)
                return fuzz_broken();
        return 0;
}
