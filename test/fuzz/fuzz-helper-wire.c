/* SPDX-License-Identifier: MIT */
/* What decodes must encode to the same bytes. */
#include "fuzz.h"
#include "protocol/helper-wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_(job_done) Job job = {};
        _cleanup_bytes_ Bytes again = BYTES_NULL, text = BYTES_NULL;
        Report report;

        if (job_decode(VIEW(data, size), &job) >= 0 &&
            (job_encode(&job, &again) < 0 || !view_equal(bytes_view(&again), VIEW(data, size))))
                return fuzz_broken();
        if (report_decode(VIEW(data, size), &report) >= 0 &&
            (report_encode(&report, &text) < 0 || !view_equal(bytes_view(&text), VIEW(data, size))))
                return fuzz_broken();
        return 0;
}
