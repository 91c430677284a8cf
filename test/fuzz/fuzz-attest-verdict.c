/* SPDX-License-Identifier: MIT */
#include "fuzz.h"
#include "protocol/attest-verdict.h"

/* Four blobs, each behind its length in two bytes. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        ByteReader r = READER(VIEW(data, size));
        uint8_t name[AK_NAME_SIZE], again[AK_NAME_SIZE];
        AkEvidence e;
        PublicKey ak;

        e.public = read_view(&r, read_u16(&r));
        e.creation_data = read_view(&r, read_u16(&r));
        e.attestation = read_view(&r, read_u16(&r));
        e.signature = read_view(&r, read_u16(&r));

        AkVerdict v = ak_verify(&e, &ak, name);
        if (!ak_verdict_to_string(v))
                abort();
        if (v != AK_VERDICT_GOOD)
                return 0;
        if (!public_key_valid(&ak) || ak_name(&ak, again) < 0)
                return fuzz_broken();
        if (memcmp(name, again, sizeof(name)) != 0)
                abort();
        return 0;
}
