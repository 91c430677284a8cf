/* SPDX-License-Identifier: MIT */
#include "protocol/waiting-device.h"

#include "test.h"

static const ByteView KEY = { .data = (const uint8_t *) "w\0\1", .size = 3 };

int main(void) {
        WaitingDevice d = { .ek_hash = { 1, 2 }, .first = 100, .last = 200, .evidence = EK_EVIDENCE_UNTRUSTED,
                            .issuer = "CN=Some Vendor", .peer = "192.0.2.1:5", .removed = true }, back;
        uint8_t record[WAITING_RECORD_MAX];

        int n = waiting_record_encode(KEY, &d, record);
        check(n > 0);
        check_int(waiting_record_decode(KEY, VIEW(record, n), &back), 0);
        check(back.first == 100 && back.last == 200 && back.evidence == EK_EVIDENCE_UNTRUSTED && back.removed);
        check_str(back.issuer, "CN=Some Vendor");
        check_str(back.peer, "192.0.2.1:5");
        for (int i = 0; i < n; i++) {
                record[i] ^= 0x10;
                check_int(waiting_record_decode(KEY, VIEW(record, n), &back), -EBADMSG);
                record[i] ^= 0x10;
                check_int(waiting_record_decode(KEY, VIEW(record, i), &back), -EBADMSG);
        }

        /* The largest there is. */
        d.evidence = EK_EVIDENCE_TRUSTED;
        memset(d.issuer, 'i', sizeof(d.issuer) - 1);
        memset(d.peer, 'p', sizeof(d.peer) - 1);
        memset(d.tpm.manufacturer, 'm', sizeof(d.tpm.manufacturer) - 1);
        memset(d.tpm.model, 'o', sizeof(d.tpm.model) - 1);
        memset(d.tpm.version, 'v', sizeof(d.tpm.version) - 1);
        n = waiting_record_encode(KEY, &d, record);
        check(n > 0);
        check_int(waiting_record_decode(KEY, VIEW(record, n), &back), 0);
        check_str(back.tpm.model, d.tpm.model);
        return EXIT_SUCCESS;
}
