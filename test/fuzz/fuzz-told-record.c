/* SPDX-License-Identifier: MIT */
/* What is read is written the same again. */
#include "fuzz.h"
#include "protocol/told-record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_told_ Told t = {}, again = {};
        _cleanup_bytes_ Bytes text = BYTES_NULL;

        if (told_parse(VIEW(data, size), &t) < 0)
                return 0;
        if (told_format(&t, &text) < 0)
                return fuzz_broken();
        if (told_parse(bytes_view(&text), &again) < 0) /* escapes may have made it too long */
                return text.size > TOLD_TEXT_MAX ? 0 : fuzz_broken();
        if (again.tries != t.tries || told_failures(&again) != told_failures(&t))
                abort();
        for (size_t i = 0; i < told_failures(&t); i++)
                if (strcmp(told_failure(&again, i), told_failure(&t, i)) != 0)
                        abort();
        return 0;
}
