/* SPDX-License-Identifier: MIT */
#include "protocol/nv-chain.h"

#include "protocol/certificate.h"

/* TCG_PCCLIENT_STORED_CERT, as before an EK certificate: 1001, 00, size, and 1002 for a full certificate. */
static void skip_header(ByteReader *r) {
        static const uint8_t stored[] = { 0x10, 0x01, 0x00 }, full[] = { 0x10, 0x02 };

        if (r->left < 7 || memcmp(r->at, stored, sizeof(stored)) != 0)
                return;
        (void) read_view(r, memcmp(r->at + 5, full, sizeof(full)) == 0 ? 7 : 5);
}

size_t nv_chain_split(ByteView content, ByteView ret[static NV_CHAIN_CERTIFICATES_MAX]) {
        ByteReader r = READER(content);
        size_t n = 0;

        while (n < NV_CHAIN_CERTIFICATES_MAX && r.left > 0) {
                CertificateParts parts;

                skip_header(&r);
                ByteReader rest = r;
                DerElement e = read_der(&rest);
                if (certificate_parts(e.whole, &parts) < 0) {
                        (void) read_u8(&r); /* fills the rest of an index, is cut off, or only looks like one */
                        continue;
                }
                ret[n++] = e.whole;
                r = rest;
        }
        return n;
}
