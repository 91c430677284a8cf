/* SPDX-License-Identifier: MIT */
#pragma once

/* GnuTLS's values in our manner: views and scope clean-up. */
#include <gnutls/abstract.h>
#include <gnutls/crypto.h>
#include <gnutls/x509.h>

#include "shared/bytes.h"

DEFINE_TRIVIAL_CLEANUP_FUNC(gnutls_x509_crt_t, gnutls_x509_crt_deinit);
DEFINE_TRIVIAL_CLEANUP_FUNC(gnutls_x509_privkey_t, gnutls_x509_privkey_deinit);
DEFINE_TRIVIAL_CLEANUP_FUNC(gnutls_privkey_t, gnutls_privkey_deinit);
DEFINE_TRIVIAL_CLEANUP_FUNC(gnutls_pubkey_t, gnutls_pubkey_deinit);

/* For input: GnuTLS does not write to it. */
static inline gnutls_datum_t datum_of(ByteView v) {
        return (gnutls_datum_t) { .data = (unsigned char *) v.data, .size = (unsigned) v.size };
}

static inline ByteView datum_view(const gnutls_datum_t *d) {
        return VIEW(d->data, d->size);
}

/* For output that GnuTLS has allocated. */
static inline void datum_done(gnutls_datum_t *d) {
        gnutls_free(d->data);
        *d = (gnutls_datum_t) {};
}

static inline void datum_erase(gnutls_datum_t *d) {
        if (d->data)
                gnutls_memset(d->data, 0, d->size);
        datum_done(d);
}

#define _cleanup_datum_ _cleanup_(datum_done)
#define _cleanup_datum_erase_ _cleanup_(datum_erase)
