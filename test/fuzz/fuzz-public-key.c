/* SPDX-License-Identifier: MIT */
#include "fuzz.h"
#include "protocol/tpm-structures.h"

/* A key that is accepted, from either encoding, is valid and has one SubjectPublicKeyInfo, which gives it back. */
static void check_key(const PublicKey *k) {
        _cleanup_bytes_ Bytes spki = BYTES_NULL;
        PublicKey again;

        if (!public_key_valid(k) || public_key_to_spki(k, &spki) < 0 || spki.size > PUBLIC_KEY_SPKI_SIZE_MAX ||
            public_key_from_spki(bytes_view(&spki), &again) < 0 || !public_key_equal(k, &again))
                fuzz_broken();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        ByteView v = VIEW(data, size);
        TPMT_PUBLIC p;
        PublicKey k;

        if (public_key_from_spki(v, &k) == 0)
                check_key(&k);
        if (tpm_public_decode(v, &p) == 0 && tpm_public_get_key(&p, &k) == 0)
                check_key(&k);
        return 0;
}
