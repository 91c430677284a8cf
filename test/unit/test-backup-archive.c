/* SPDX-License-Identifier: MIT */
#include "protocol/backup-archive.h"

#include "test.h"

static void test_names(void) {
        static const char *const good[] = { "a", "ca/root.pem", "etc/atteztd.conf.d/50-x.conf", "a/b/c", "A_b-c@1" };
        static const char *const bad[] = { "", "/", "/a", "a/", "a//b", "..", "../a", "a/../b", ".a", "a/.b", "a b", "a\\b", "\xc3\xbc" };
        char name[BACKUP_NAME_MAX + 2];

        for (size_t i = 0; i < ELEMENTSOF(good); i++)
                check(backup_name_valid(good[i]));
        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                check(!backup_name_valid(bad[i]));
        memset(name, 'a', sizeof(name));
        name[BACKUP_NAME_MAX + 1] = 0;
        check(!backup_name_valid(name));
        name[BACKUP_NAME_MAX] = 0;
        check(backup_name_valid(name));
}

static void test_headers(void) {
        uint8_t bytes[BACKUP_HEADER_MAX + 8];
        BackupHeader h = { .name = "ca/root.key", .size = 4711 }, back;

        int n = backup_header_encode(&h, bytes);
        check(n > 0);
        check_int(backup_header_decode(VIEW(bytes, n + 8), &back), n);
        check_str(back.name, h.name);
        check_int(back.size, 4711);
        for (int i = 0; i < n; i++)
                check_int(backup_header_decode(VIEW(bytes, i), &back), -EBADMSG);
        bytes[5] = 0;
        check_int(backup_header_decode(VIEW(bytes, n), &back), -EBADMSG);
        bytes[0] = 2;
        check_int(backup_header_decode(VIEW(bytes, n), &back), -EBADMSG);
        strcpy(h.name, "../x");
        check_int(backup_header_encode(&h, bytes), -EINVAL);
        h = (BackupHeader) {};
        check_int(backup_header_encode(&h, bytes), 1);
        check_int(backup_header_decode(VIEW(bytes, 1), &back), 1);
        check_str(back.name, "");
        h = (BackupHeader) { .name = "a", .size = UINT64_MAX };
        n = backup_header_encode(&h, bytes);
        check_int(backup_header_decode(VIEW(bytes, n), &back), -EBADMSG);
}

int main(void) {
        test_names();
        test_headers();
        return EXIT_SUCCESS;
}
