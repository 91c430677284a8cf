/* SPDX-License-Identifier: MIT */
#include "protocol/acme-payloads.h"
#include "test.h"

#define BINDING "{\"protected\":\"cA\",\"payload\":\"cQ\",\"signature\":\"cg\"}"

static void check_account(const AcmeNewAccount *a, const char *expected) {
        _cleanup_bytes_ Bytes b = BYTES_NULL;

        check_int(acme_new_account_build(a, &b), 0);
        check_str((const char *) b.data, expected);
}

static void test_new_account(void) {
        Bytes b = BYTES_NULL;

        check_account(&(AcmeNewAccount) {}, "{}");
        check_account(&(AcmeNewAccount) { .terms_agreed = true }, "{\"termsOfServiceAgreed\":true}");
        check_account(&(AcmeNewAccount){ .terms_agreed = true, .only_return_existing = true },
                      "{\"onlyReturnExisting\":true}");
        check_account(&(AcmeNewAccount){ .external_account_binding = VIEW_STR(BINDING) },
                      "{\"externalAccountBinding\":" BINDING "}");
        check_int(acme_new_account_build(&(AcmeNewAccount){ .external_account_binding = VIEW_STR("{") }, &b),
                  -EBADMSG);
        check(!b.data);
}

static void check_order(const char *name, int64_t not_before, int64_t not_after, const char *expected) {
        _cleanup_bytes_ Bytes b = BYTES_NULL;

        check_int(acme_new_order_build(name, not_before, not_after, &b), 0);
        check_str((const char *) b.data, expected);
}

static void test_new_order(void) {
        char long_name[ACME_IDENTIFIER_MAX + 2] = {};
        Bytes b = BYTES_NULL;

        check_order("framework", 0, 0,
                    "{\"identifiers\":[{\"type\":\"permanent-identifier\",\"value\":\"framework\"}]}");
        check_order("a/\"b", 1774128243, 1774214643,
                    "{\"identifiers\":[{\"type\":\"permanent-identifier\",\"value\":\"a/\\\"b\"}],"
                    "\"notBefore\":\"2026-03-21T21:24:03Z\",\"notAfter\":\"2026-03-22T21:24:03Z\"}");
        check_order("x", 0, 1774214643,
                    "{\"identifiers\":[{\"type\":\"permanent-identifier\",\"value\":\"x\"}],"
                    "\"notAfter\":\"2026-03-22T21:24:03Z\"}");
        memset(long_name, 'a', sizeof(long_name) - 1);
        check_int(acme_new_order_build(long_name, 0, 0, &b), -EINVAL);
        check_int(acme_new_order_build("", 0, 0, &b), -EINVAL);
        check_int(acme_new_order_build("\xff", 0, 0, &b), -EINVAL);
        check_int(acme_new_order_build("x", -1, 0, &b), -ERANGE);
        check(!b.data);
}

static void test_blobs(void) {
        _cleanup_bytes_ Bytes a = BYTES_NULL, c = BYTES_NULL, r = BYTES_NULL, bare = BYTES_NULL;

        check_int(acme_challenge_response_build(VIEW("\xfb\xff", 2), &a), 0);
        check_str((const char *) a.data, "{\"attObj\":\"-_8\"}");
        check_int(acme_finalize_build(VIEW("\xfb\xff", 2), &c), 0);
        check_str((const char *) c.data, "{\"csr\":\"-_8\"}");
        check_int(acme_revoke_build(VIEW("\xfb\xff", 2), 5, &r), 0);
        check_str((const char *) r.data, "{\"certificate\":\"-_8\",\"reason\":5}");
        check_int(acme_revoke_build(VIEW("\xfb\xff", 2), -1, &bare), 0);
        check_str((const char *) bare.data, "{\"certificate\":\"-_8\"}");
}

int main(void) {
        test_new_account();
        test_new_order();
        test_blobs();
        return EXIT_SUCCESS;
}
