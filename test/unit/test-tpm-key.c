/* SPDX-License-Identifier: MIT */
/* What needs no TPM: the evidence of a key's creation, on disk and back. */
#include "shared/tpm-key.h"
#include "test.h"

int main(void) {
        TpmCreation c = {
                .data.creationData = { .locality = 1, .parentNameAlg = TPM2_ALG_SHA256 },
                .hash = { .size = 32, .buffer = { 0xaa } },
                .ticket = { .tag = TPM2_ST_CREATION, .hierarchy = TPM2_RH_OWNER, .digest = { .size = 2, .buffer = { 7, 8 } } },
        };
        TpmCreation back = {}, untouched = {};
        _cleanup_bytes_ Bytes encoded = BYTES_NULL, again = BYTES_NULL;

        check_int(tpm_creation_encode(&c, &encoded), 0);
        check_int(tpm_creation_decode(bytes_view(&encoded), &back), 0);
        check_int(back.ticket.digest.buffer[1], 8);
        check_int(tpm_creation_encode(&back, &again), 0);
        check(view_equal(bytes_view(&encoded), bytes_view(&again)));

        for (size_t n = 0; n < encoded.size; n++)
                check_int(tpm_creation_decode(VIEW(encoded.data, n), &untouched), -EBADMSG);
        _cleanup_bytes_ Bytes longer = { .data = calloc(1, encoded.size + 1), .size = encoded.size + 1 };
        check(longer.data);
        memcpy(longer.data, encoded.data, encoded.size);
        check_int(tpm_creation_decode(bytes_view(&longer), &untouched), -EBADMSG);
        check_int(untouched.hash.size, 0);
        return EXIT_SUCCESS;
}
