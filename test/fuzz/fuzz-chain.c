/* SPDX-License-Identifier: MIT */
/* What a server hands out as a certificate chain: in PEM from ACME, in DER from POST /secret. */
#include "fuzz.h"
#include "enroll/chain.h"

static void look(const Bytes *der) {
        char issuer[CERTIFICATE_TEXT_MAX];
        CertificateNames names;
        PublicKey key;
        bool has;

        (void) certificate_key(bytes_view(der), &key);
        if (certificate_issuer(bytes_view(der), issuer) >= 0 && strlen(issuer) >= sizeof(issuer))
                abort();
        if (certificate_names(bytes_view(der), &names) < 0)
                return;
        if (names.n > CERTIFICATE_NAMES_MAX)
                abort();
        /* What it says to be its names are its names. */
        for (size_t i = 0; i < names.n; i++)
                if (certificate_has_name(bytes_view(der), names.names[i], &has) < 0 || !has)
                        fuzz_broken();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        const Bytes raw = { .data = (uint8_t *) data, .size = size };
        _cleanup_chain_ Chain one = {}, chain = {}, again = {};
        _cleanup_bytes_ Bytes pem = BYTES_NULL;

        if (chain_from_der(&raw, 1, &one) >= 0)
                look(&one.der[0]);
        if (chain_from_pem(VIEW(data, size), &chain) < 0)
                return 0;
        if (chain.n == 0 || chain.n > CHAIN_CERTIFICATES_MAX)
                abort();
        for (size_t i = 0; i < chain.n; i++)
                look(&chain.der[i]);
        if (chain_to_pem(&chain, &pem) < 0 || chain_from_pem(bytes_view(&pem), &again) < 0)
                return fuzz_broken();
        if (again.n != chain.n)
                abort();
        for (size_t i = 0; i < chain.n; i++)
                if (!view_equal(bytes_view(&again.der[i]), bytes_view(&chain.der[i])))
                        abort();
        return 0;
}
