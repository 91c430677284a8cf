/* SPDX-License-Identifier: MIT */
/* The body of POST /attest, all the way to the message for atteztd: what is asked must travel. */
#include "fuzz.h"
#include "protocol/attest-decision.h"

#define NOW 1790000000 /* 2026-09-21 */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        static EkTrust *nobody;
        uint8_t packet[FRONT_MESSAGE_MAX];
        FrontMessage m = { .type = FRONT_ATTEST }, back;
        AttestDecision d;

        if (!nobody && ek_trust_new(&nobody) < 0)
                return fuzz_broken();
        attest_decide(VIEW(data, size), nobody, NOW, &d);
        if (d.outcome != ATTEST_ASK) {
                if (!d.reason)
                        abort();
                return 0;
        }
        m.attest = d.question;
        int n = front_message_encode(&m, packet);
        if (n < 0)
                abort();
        if (front_message_decode(VIEW(packet, n), &back) < 0)
                return fuzz_broken();
        if (!public_key_equal(&back.attest.ak, &d.question.ak))
                abort();
        return 0;
}
