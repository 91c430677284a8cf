/* SPDX-License-Identifier: MIT */
#include "fuzz.h"
#include "protocol/acme-messages.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        static const char directory_url[] = "https://ca/acme/directory";
        _cleanup_acme_directory_ AcmeDirectory directory = {};
        _cleanup_acme_order_ AcmeOrder order = {};
        _cleanup_acme_authorization_ AcmeAuthorization authorization = {};
        _cleanup_acme_challenge_ AcmeChallenge challenge = {};
        _cleanup_acme_problem_ AcmeProblem problem = {};
        _cleanup_bytes_ Bytes header = BYTES_NULL;
        _cleanup_free_ char *text = NULL;
        ByteView body = VIEW(data, size);
        AcmeStatus status;
        int64_t wait;

        (void) acme_directory_parse(body, directory_url, &directory);
        (void) acme_account_parse(body, &status);
        (void) acme_order_parse(body, directory_url, &order);
        if (acme_authorization_parse(body, directory_url, &authorization) >= 0)
                (void) acme_authorization_find(&authorization, ACME_CHALLENGE_DEVICE_ATTEST);
        (void) acme_challenge_parse(body, directory_url, &challenge);
        if (acme_problem_parse(body, &problem) >= 0 && acme_problem_to_text(&problem, &text) < 0)
                return fuzz_broken();

        if (bytes_copy(body, &header) < 0) /* with a NUL */
                return fuzz_broken();
        if (retry_after_parse((const char *) header.data, 1774128243, &wait) >= 0 &&
            (wait < 0 || wait > RETRY_AFTER_MAX))
                abort();
        (void) url_same_origin((const char *) header.data, directory_url);
        return 0;
}
