/* SPDX-License-Identifier: MIT */
/* What the scan takes, json-c must take as well, or the two disagree about what JSON is. */
#include "fuzz.h"
#include "protocol/json-scan.h"
#include "protocol/json-value.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_json_ struct json_object *o = NULL, *again = NULL;
        _cleanup_bytes_ Bytes text = BYTES_NULL;
        int scanned = json_scan(VIEW(data, size), 8), parsed = json_parse_strict(VIEW(data, size), 8, &o);

        if (scanned < 0 && parsed >= 0)
                abort();
        /* json_parse_strict() wants an object. */
        for (size_t i = 0; scanned >= 0 && parsed < 0 && i < size && !strchr("[\"-0123456789tfn", data[i]);
             i++)
                if (data[i] == '{')
                        return fuzz_broken();
        if (parsed < 0)
                return 0;
        if (json_serialize(o, &text) < 0 || json_parse_strict(bytes_view(&text), 8, &again) < 0)
                return fuzz_broken();
        if (!json_object_equal(o, again))
                abort();
        return 0;
}
