/* SPDX-License-Identifier: MIT */
/* A file of secrets, and a request: neither may be trusted before it is understood. */
#include "fuzz.h"
#include "protocol/webhook.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_webhook_secrets_ WebhookSecrets secrets = {};
        char name[DEVICE_NAME_MAX + 1];
        unsigned line;

        (void) webhook_secrets_parse(VIEW(data, size), &secrets, &line);
        (void) webhook_request_parse(VIEW(data, size), name);
        return 0;
}
