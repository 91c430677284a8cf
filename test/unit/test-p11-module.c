/* SPDX-License-Identifier: MIT */
#include "protocol/p11-module.h"
#include "test.h"

static void check_value(const char *text, const char *key, const char *expected) {
        _cleanup_free_ char *value = NULL;

        check_int(p11_module_get(VIEW_STR(text), key, &value), 0);
        check_str(value, expected);
}

int main(void) {
        char *value = NULL;

        check_value("# x\nremote: unix:path=/run/a\n", "remote", "unix:path=/run/a");
        check_value("\n  remote :\tunix:path=/run/a \r\nmodule: b.so", "remote", "unix:path=/run/a");
        check_value("remote: a\nremote: b", "remote", "b");
        check_value("remote:\n", "remote", "");
        check_int(p11_module_get(VIEW_STR("#remote: a\nremotes: b\n"), "remote", &value), -ENOENT);
        check_int(p11_module_get(VIEW_NULL, "remote", &value), -ENOENT);
        check_int(p11_module_get(VIEW_STR("remote: a\nnonsense\n"), "remote", &value), -EBADMSG);
        check_int(p11_module_get(VIEW("remote: a\0b\n", 12), "remote", &value), -EBADMSG);
        check(!value);
        return 0;
}
