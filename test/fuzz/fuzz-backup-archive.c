/* SPDX-License-Identifier: MIT */
/* What decodes must encode to the same bytes. */
#include "fuzz.h"
#include "protocol/backup-archive.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        uint8_t again[BACKUP_HEADER_MAX];
        BackupHeader h;

        int n = backup_header_decode(VIEW(data, size), &h);
        if (n < 0)
                return 0;
        int m = backup_header_encode(&h, again);
        if (m != n || !view_equal(VIEW(again, m), VIEW(data, n)))
                abort();
        return 0;
}
