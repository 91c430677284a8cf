/* SPDX-License-Identifier: MIT */
#include "protocol/device-identity.h"

#include <gnutls/gnutls.h>

#include "protocol/ek-certificate.h"

#define IDENTITY_DER_SIZE 8192U /* bytes, beyond any certificate that is taken */

/* What is between the first pair of lines of that kind; -ENOENT without one. */
static int decode_pem(ByteView text, const char *kind, Bytes *ret) {
        gnutls_datum_t in = { .data = (unsigned char *) text.data, .size = (unsigned) text.size }, out;

        int g = gnutls_pem_base64_decode2(kind, &in, &out);
        if (g == GNUTLS_E_BASE64_UNEXPECTED_HEADER_ERROR)
                return -ENOENT;
        if (g < 0)
                return g == GNUTLS_E_MEMORY_ERROR ? -ENOMEM : -EINVAL;
        int r = bytes_copy(VIEW(out.data, out.size), ret);
        gnutls_free(out.data);
        return r;
}

static int key_from_certificate(ByteView raw, PublicKey *ret) {
        ByteView der;

        int r = ek_certificate_trim(raw, &der);
        return r < 0 ? r : ek_certificate_key(der, ret);
}

static int key_from_pem(ByteView text, PublicKey *ret) {
        _cleanup_bytes_ Bytes der = BYTES_NULL;

        int r = decode_pem(text, "CERTIFICATE", &der);
        if (r >= 0)
                return key_from_certificate(bytes_view(&der), ret);
        if (r != -ENOENT)
                return r;
        r = decode_pem(text, "PUBLIC KEY", &der);
        return r < 0 ? r : public_key_from_spki(bytes_view(&der), ret);
}

static int key_from_bytes(ByteView v, PublicKey *ret) {
        if (v.data && memmem(v.data, v.size, "-----BEGIN ", 11))
                return key_from_pem(v, ret);
        int r = public_key_from_spki(v, ret);
        return r == -EINVAL ? key_from_certificate(v, ret) : r;
}

int device_identity(ByteView v, uint8_t ret_hash[static 32]) {
        PublicKey key;

        int r = key_from_bytes(v, &key);
        if (r == -ENOTSUP || r == -ENOMEM)
                return r;
        return r < 0 ? -EINVAL : public_key_hash(&key, ret_hash);
}

int device_identity_from_text(const char *text, uint8_t ret_hash[static 32]) {
        _cleanup_bytes_ Bytes der = BYTES_NULL;

        if (strstr(text, "-----BEGIN "))
                return device_identity(VIEW_STR(text), ret_hash);
        int r = base64_decode(text, strlen(text), IDENTITY_DER_SIZE, &der);
        if (r < 0)
                return r == -ENOMEM ? r : -EINVAL;
        return device_identity(bytes_view(&der), ret_hash);
}
