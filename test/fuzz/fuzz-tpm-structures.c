/* SPDX-License-Identifier: MIT */
#include "fuzz.h"
#include "protocol/tpm-structures.h"

/* What is decoded comes back to the byte. */
#define ROUND_TRIP(kind, type)                                                                    \
        do {                                                                                      \
                _cleanup_bytes_ Bytes again = BYTES_NULL;                                         \
                type value;                                                                       \
                if (tpm_##kind##_decode(v, &value) == 0 &&                                        \
                    (tpm_##kind##_encode(&value, &again) < 0 || !view_equal(bytes_view(&again), v))) \
                        return fuzz_broken();                                                     \
        } while (0)

/* The first byte says which structure follows. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        if (size == 0)
                return 0;

        ByteView v = VIEW(data + 1, size - 1);
        switch (data[0] % 4) {
        case 0:
                ROUND_TRIP(public, TPMT_PUBLIC);
                break;
        case 1:
                ROUND_TRIP(attest, TPMS_ATTEST);
                break;
        case 2:
                ROUND_TRIP(creation_data, TPMS_CREATION_DATA);
                break;
        default:
                ROUND_TRIP(signature, TPMT_SIGNATURE);
        }
        return 0;
}
