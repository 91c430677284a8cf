/* SPDX-License-Identifier: MIT */
#include "fuzz.h"
#include "protocol/certificate-view.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_certificate_chain_view_ CertificateChainView c = {};
        char serial[CERTIFICATE_VIEW_SERIAL_SHORT];

        if (certificate_chain_view_from_pem(VIEW(data, size), &c) < 0)
                return 0;
        if (c.n == 0 || c.n > CERTIFICATE_VIEW_MAX)
                abort();
        for (size_t i = 0; i < c.n; i++) {
                if (!c.certificates[i].subject || !c.certificates[i].issuer)
                        abort();
                certificate_serial_short(c.certificates[i].serial, serial);
        }
        return 0;
}
