/* SPDX-License-Identifier: MIT */
#include "fuzz.h"
#include "protocol/p11-module.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_free_ char *value = NULL;

        int r = p11_module_get(VIEW(data, size), "remote", &value);
        if ((r >= 0) != !!value || (value && (strlen(value) > size || strchr(value, '\n'))))
                abort();
        return 0;
}
