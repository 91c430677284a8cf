/* SPDX-License-Identifier: MIT */
/* Two bytes of size, a CA certificate of that size (or none), the same once more for what is sent beside, then what a
 * client calls an EK certificate. */
#include "fuzz.h"
#include "protocol/ek-certificate.h"

#define NOW 1790000000 /* 2026-09-21 */

/* What is explained is what is decided. */
static void check_verdict(const EkTrust *trust, const ByteView *certificates, size_t n) {
        EkFindings findings, again;
        EkNotes notes;
        PublicKey key;

        if (ek_certificate_key(certificates[0], &key) < 0)
                return;
        EkVerdict v = ek_certificates_verify(trust, &key, certificates, n, NOW, &findings);
        if (v == EK_VERDICT_TRUSTED && ek_trust_count(trust) == 0)
                abort();
        if (ek_certificate_explain(trust, certificates, n, NOW, &again, &notes) != v) {
                fuzz_broken();
                return;
        }
        for (unsigned i = 0; i < notes.n; i++)
                if (notes.notes[i].kind == EK_NOTE_BAD && v == EK_VERDICT_TRUSTED)
                        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        static const EkOrigin origin = { .vendor = "STM", .allow = EK_ALLOW_EXPIRED | EK_ALLOW_SHA1_EK };
        _cleanup_(ek_trust_freep) EkTrust *trust = NULL;
        ByteReader r = READER(VIEW(data, size));
        ByteView ca = read_view(&r, read_u16(&r)), beside = read_view(&r, read_u16(&r)), leaf = VIEW(r.at, r.left);
        ByteView trimmed = VIEW_NULL;

        if (r.failed || ek_trust_new(&trust) < 0)
                return 0;
        (void) ek_trust_add(trust, ca, &origin, NULL);
        if (ek_certificate_trim(leaf, &trimmed) >= 0 && trimmed.size > leaf.size)
                abort();
        check_verdict(trust, (ByteView[]) { leaf, beside, ca }, ca.size > 0 ? 3 : beside.size > 0 ? 2 : 1);
        check_verdict(trust, &leaf, 1);
        return 0;
}
