/* SPDX-License-Identifier: MIT */
#include "fuzz.h"
#include "protocol/device-rows.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        uint8_t row[DEVICE_ROW_SIZE_MAX];
        DeviceRows rows;
        Device d;

        if (device_rows_open(VIEW(data, size), &rows) < 0)
                return 0;
        const uint8_t *at = rows.reader.at;
        while (device_rows_next(&rows, &d) > 0) {
                /* What was read is what would be written. */
                int n = device_row_encode(&d, row);
                if (n != (int) (rows.reader.at - at) || memcmp(row, at, (size_t) n) != 0)
                        abort();
                at = rows.reader.at;
        }
        return 0;
}
