/* SPDX-License-Identifier: MIT */
/* What is read is written the same again, and every plan that can come of it is one. */
#include "fuzz.h"
#include "protocol/renewal-plan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_bytes_ Bytes text = BYTES_NULL;
        const RenewalFacts f = {
                .enrolled = size % 2, .auto_enroll = true, .not_before = 1800000000, .not_after = 1800086400,
        };
        const RenewalClocks clocks = { .realtime = 1800001000, .boottime = 900, .monotonic = 800 };
        RenewalState s, again;

        if (renewal_state_parse(VIEW(data, size), &s) < 0)
                return 0;
        if (renewal_state_format(&s, &text) < 0 || renewal_state_parse(bytes_view(&text), &again) < 0)
                return fuzz_broken();
        if (again.attempted != s.attempted || again.failures != s.failures || again.woken != s.woken)
                abort();
        (void) renewal_state_clocks(&s, &clocks);
        RenewalPlan p = renewal_plan(&f, &s);
        if (p.due < 0 || p.due > f.not_after + RETRY_AFTER_MAX * 2 ||
            (p.action == RENEWAL_NOTHING) != (p.reason == REASON_NONE))
                abort();
        return 0;
}
