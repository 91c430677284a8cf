/* SPDX-License-Identifier: MIT */
#include "fuzz.h"
#include "protocol/device-change.h"
#include "protocol/device-table.h"

/* A row that was read can be written, and reads as the same again. */
static void round_trip(const Device *d, DeviceTableFormat format) {
        static char text[2 * DEVICE_TABLE_LINE_SIZE];
        char why[DEVICE_TABLE_WHY_MAX];
        DeviceTable t;
        unsigned line;
        Device back;

        char *at = stpcpy(text, device_table_head(format));
        int n = device_table_format(d, format, at);
        if (n < 0 || device_table_open(VIEW_STR(text), format, &t, why) < 0 ||
            device_table_next(&t, &back, &line, why) != 1 || !device_same_settings(d, &back) ||
            device_table_next(&t, &back, &line, why) != 0)
                fuzz_broken();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        char why[DEVICE_TABLE_WHY_MAX];
        DeviceTable t;
        unsigned line, last = 0;
        Device d;
        int r;

        if (device_table_open(VIEW(data, size), device_table_guess(VIEW(data, size)), &t, why) < 0)
                return 0;
        while ((r = device_table_next(&t, &d, &line, why)) != 0) {
                if (line <= last && r > 0)
                        abort();
                last = line;
                if (r < 0)
                        continue;
                round_trip(&d, DEVICE_TABLE_CSV);
                round_trip(&d, DEVICE_TABLE_JSON_LINES);
        }
        return 0;
}
