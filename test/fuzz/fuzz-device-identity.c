/* SPDX-License-Identifier: MIT */
/* A file or a column that should hold an EK certificate or a public key: the same device, however it is written. */
#include "fuzz.h"
#include "protocol/device-identity.h"

#define TEXT_MAX 4096U /* bytes: base64 of it is within every limit */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_bytes_ Bytes text = BYTES_NULL;
        _cleanup_free_ char *base64 = NULL;
        uint8_t hash[32], again[32];

        if (bytes_copy(VIEW(data, size), &text) < 0) /* with a NUL */
                return fuzz_broken();
        (void) device_identity_from_text((const char *) text.data, again);
        if (device_identity(VIEW(data, size), hash) < 0 || size > TEXT_MAX)
                return 0;
        if (base64_encode(VIEW(data, size), &base64) < 0 || device_identity_from_text(base64, again) < 0)
                return fuzz_broken();
        if (memcmp(hash, again, sizeof(hash)) != 0)
                abort();
        return 0;
}
