/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <sys/stat.h>

#include "enroll/account.h"
#include "protocol/jws.h"
#include "shared/files.h"
#include "test.h"

#define URL "https://ca.example/acme/da/directory"
/* SHA-256 of it */
#define URL_FILE "e216cd96bdeefced1c05fa3ab1e28c008385693422fb8fc7056d718dafc9e95f.json"

static char dir[] = "/tmp/test-account-XXXXXX";

static void test_round_trip(void) {
        _cleanup_account_ Account a = {}, registered = {}, back = {};
        PublicKey key, again;

        check_int(account_load(dir, URL, &back), -ENOENT);
        check_int(account_generate(&a), 0);
        check_int(account_store(dir, URL, &a), 0);
        check_int(account_load(dir, URL, &registered), 0);
        check(!registered.url);

        registered.url = strdup("https://ca.example/account/1");
        check_int(account_store(dir, URL, &registered), 0);
        check_int(account_load(dir, URL, &back), 0);
        check_str(back.url, "https://ca.example/account/1");
        check_int(jws_public_key(a.key, &key), 0);
        check_int(jws_public_key(back.key, &again), 0);
        check(public_key_equal(&key, &again));
        check_int(account_load(dir, URL "x", &(Account) {}), -ENOENT);
}

static void test_damage(void) {
        static const char *const bad[] = { "", "{}", "{\"key\":\"\"}", "{\"key\":\"nonsense\",\"url\":\"https://x\"}",
                                           "{\"key\":1}" };
        _cleanup_account_ Account a = {};
        _cleanup_free_ char *accounts = NULL;
        struct stat st;

        check_int(path_join(dir, "accounts", &accounts), 0);
        check_int(stat(accounts, &st), 0);
        check_int(st.st_mode & 07777, 0700);

        check_int(account_generate(&a), 0);
        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                Account none = {};
                check_int(account_store(dir, URL, &a), 0);
                _cleanup_close_ int fd = dir_open(accounts);
                check(fd >= 0);
                check_int(file_write_atomic(fd, URL_FILE, 0600, VIEW_STR(bad[i])), 0);
                check_int(account_load(dir, URL, &none), -EBADMSG);
                check(!none.key && !none.url);
        }
}

int main(void) {
        check(mkdtemp(dir));
        test_round_trip();
        test_damage();
        check_int(dir_remove(AT_FDCWD, dir), 0);
        return EXIT_SUCCESS;
}
