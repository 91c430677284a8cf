/* SPDX-License-Identifier: MIT */
#include "cli/ca.h"
#include "protocol/device-identity.h"
#include "shared/files.h"

#define EK_FILE_MAX (64U * 1024)

int ca_read_ek_file(const char *path, uint8_t ret_hash[static 32]) {
        _cleanup_bytes_ Bytes content = BYTES_NULL;

        int r = file_read(path, EK_FILE_MAX, &content);
        if (r < 0) {
                log_error_errno(r, "Could not read \"%s\": %m", path);
                return EXIT_FAILURE;
        }
        r = device_identity(bytes_view(&content), ret_hash);
        if (r == -ENOTSUP) {
                log_error("The key in \"%s\" is none that an EK can be: RSA of 2048 to 4096 bits, P-256, P-384.", path);
                return EXIT_FAILURE;
        }
        if (r == -ENOMEM)
                return cli_failed(r, "make the hash of the key");
        if (r < 0) {
                log_error("There is neither a certificate nor a public key (DER or PEM) in \"%s\".", path);
                return EXIT_FAILURE;
        }
        return EXIT_SUCCESS;
}
