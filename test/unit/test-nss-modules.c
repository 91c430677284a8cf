/* SPDX-License-Identifier: MIT */
#include "protocol/nss-modules.h"
#include "test.h"

#define INTERNAL \
        "library=\nname=NSS Internal PKCS #11 Module\nparameters=configdir='sql:x'\nNSS=Flags=internal,critical\n"
#define OTHER "library=/usr/lib/opensc-pkcs11.so\nname=OpenSC\n"
#define OURS "library=/usr/lib/p11-kit-proxy.so\nname=p11\n"

static void check_text(const Bytes *b, const char *expected) {
        check(view_equal(bytes_view(b), VIEW_STR(expected)));
}

static void check_add(const char *before, const char *after) {
        _cleanup_bytes_ Bytes file = BYTES_NULL, back = BYTES_NULL;

        check_int(nss_modules_add(VIEW_STR(before), "p11", "/usr/lib/p11-kit-proxy.so", &file), 0);
        check_text(&file, after);
        check_int(nss_modules_add(bytes_view(&file), "p11", "/x", &back), -EEXIST);
}

static void check_remove(const char *before, const char *after) {
        _cleanup_bytes_ Bytes file = BYTES_NULL;

        check_int(nss_modules_remove(VIEW_STR(before), "p11", &file), 0);
        check_text(&file, after);
}

static void test_find(void) {
        _cleanup_free_ char *a = NULL, *b = NULL;
        char *none = NULL;
        ByteView file = VIEW_STR(INTERNAL "\n\n" OTHER "\n" OURS);

        check_int(nss_modules_find(file, "OpenSC", &a), 0);
        check_str(a, "/usr/lib/opensc-pkcs11.so");
        check_int(nss_modules_find_library(file, "p11-kit-proxy.so", &b), 0);
        check_str(b, "/usr/lib/p11-kit-proxy.so");
        check_int(nss_modules_find(file, "SC", &none), -ENOENT);
        check_int(nss_modules_find_library(file, "proxy.so", &none), -ENOENT);
        check_int(nss_modules_find(VIEW_NULL, "p11", &none), -ENOENT);
}

int main(void) {
        Bytes none = BYTES_NULL;

        test_find();
        check_add(INTERNAL "\n", INTERNAL "\n" OURS "\n");
        check_add(INTERNAL, INTERNAL "\n" OURS "\n");
        check_add("library=\nNSS=Flags=internal", "library=\nNSS=Flags=internal\n\n" OURS "\n");
        check_int(nss_modules_add(VIEW_NULL, "p11", "/x", &none), -EBADMSG);
        check_int(nss_modules_add(VIEW_STR(OTHER), "p11", "/x", &none), -EBADMSG);

        check_remove(INTERNAL "\n" OURS "\n", INTERNAL "\n");
        check_remove(INTERNAL "\n" OURS "\n" OTHER "\n", INTERNAL "\n" OTHER "\n");
        check_remove(INTERNAL "\n" OURS, INTERNAL "\n");
        check_remove(OURS "\n\n" INTERNAL, INTERNAL);
        check_int(nss_modules_remove(VIEW_STR(INTERNAL "\n" OTHER), "p11", &none), -ENOENT);
        check(!none.data);
        return 0;
}
