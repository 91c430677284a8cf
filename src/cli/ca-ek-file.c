/* SPDX-License-Identifier: MIT */
#include <gnutls/gnutls.h>
#include <stdio.h>

#include "cli/ca.h"
#include "protocol/ek-certificate.h"
#include "shared/files.h"

#define EK_FILE_MAX (64U * 1024)

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

int ca_read_ek_file(const char *path, uint8_t ret_hash[static 32]) {
        _cleanup_bytes_ Bytes content = BYTES_NULL;
        PublicKey key;

        int r = file_read(path, EK_FILE_MAX, &content);
        if (r < 0) {
                log_error_errno(r, "Could not read \"%s\": %m", path);
                return EXIT_FAILURE;
        }
        r = key_from_bytes(bytes_view(&content), &key);
        if (r == -ENOTSUP) {
                log_error("The key in \"%s\" is none that an EK can be: RSA of 2048 to 4096 bits, P-256, P-384.", path);
                return EXIT_FAILURE;
        }
        if (r < 0) {
                log_error("There is neither a certificate nor a public key (DER or PEM) in \"%s\".", path);
                return EXIT_FAILURE;
        }
        r = public_key_hash(&key, ret_hash);
        return r < 0 ? cli_failed(r, "make the hash of the key") : EXIT_SUCCESS;
}
