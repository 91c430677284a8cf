/* SPDX-License-Identifier: MIT */
/* Two bytes of size, a CA certificate of that size (or none), then what a client calls an EK certificate. */
#include "protocol/ek-certificate.h"

#define NOW 1790000000 /* 2026-09-21 */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_(ek_trust_freep) EkTrust *trust = NULL;
        ByteReader r = READER(VIEW(data, size));
        ByteView ca = read_view(&r, read_u16(&r)), leaf = VIEW(r.at, r.left), trimmed = VIEW_NULL;
        EkFindings findings;
        PublicKey key;

        if (r.failed || ek_trust_new(&trust) < 0)
                return 0;
        (void) ek_trust_add(trust, ca, NULL, NULL);
        if (ek_certificate_trim(leaf, &trimmed) >= 0 && trimmed.size > leaf.size)
                __builtin_trap();
        if (ek_certificate_key(leaf, &key) < 0)
                return 0;

        ByteView both[] = { leaf, ca };
        EkVerdict v = ek_certificates_verify(trust, &key, both, ca.size > 0 ? 2 : 1, NOW, &findings);
        if (v == EK_VERDICT_TRUSTED && ek_trust_count(trust) == 0)
                __builtin_trap();
        return 0;
}
