/* SPDX-License-Identifier: MIT */
#include "protocol/backup-modes.h"

#include "test.h"

static void test_found(void) {
        ByteView text = VIEW_STR("nonsense\n0600 root etc/a\n\n0640 attezt-http etc/atteztd.conf\n7777 adm etc/a.b");
        BackupMode m;

        check_int(backup_mode_find(text, "etc/atteztd.conf", &m), 0);
        check_int(m.mode, 0640);
        check_str(m.group, "attezt-http");
        check_int(backup_mode_find(text, "etc/a", &m), 0);
        check_int(m.mode, 0600);
        check_int(backup_mode_find(text, "etc/a.b", &m), 0); /* no more than a settings file can need */
        check_int(m.mode, 0664);
}

static void test_not_found(void) {
        static const char *const bad[] = { "", "\n", "0640", "0640 ", "0640 root", "0640 root ", "0640  etc/a", "640 root etc/a",
                                           "0648 root etc/a", "0640 root etc/ab", "0640 root etc/", "0640\troot etc/a",
                                           "0640 a23456789012345678901234567890123 etc/a", "00640 root etc/a" };
        BackupMode m = { .mode = 1 };

        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                check_int(backup_mode_find(VIEW_STR(bad[i]), "etc/a", &m), -ENOENT);
        check_int(backup_mode_find(VIEW("0640 r\0t etc/a", 14), "etc/a", &m), -ENOENT);
        check_int(m.mode, 1);
}

static void test_groups(void) {
        check(backup_group_good("attezt-http") && backup_group_good("a2345678901234567890123456789012"));
        check(!backup_group_good("") && !backup_group_good("domain users") && !backup_group_good("a\nb") &&
              !backup_group_good("a23456789012345678901234567890123"));
}

int main(void) {
        test_groups();
        test_found();
        test_not_found();
        return EXIT_SUCCESS;
}
