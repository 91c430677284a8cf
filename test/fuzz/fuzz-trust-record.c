/* SPDX-License-Identifier: MIT */
/* What can be read comes out as it was, when it is written again. */
#include "fuzz.h"
#include "protocol/trust-record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_bytes_ Bytes der = BYTES_NULL, text = BYTES_NULL, again = BYTES_NULL;
        TrustRecord r, s;

        if (trust_record_decode(VIEW(data, size), &r, &der) < 0)
                return 0;
        if (trust_record_encode(&r, bytes_view(&der), &text) < 0 ||
            trust_record_decode(bytes_view(&text), &s, &again) < 0)
                return fuzz_broken();
        if (!view_equal(bytes_view(&der), bytes_view(&again)) || r.added != s.added || r.uid != s.uid ||
            strcmp(r.source, s.source) != 0)
                abort();
        return 0;
}
