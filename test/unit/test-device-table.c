/* SPDX-License-Identifier: MIT */
#include "protocol/device-change.h"
#include "protocol/device-table.h"

#include "test.h"

#define A "abababababababababababababababababababababababababababababababab"
#define B "CDCDCDCDCDCDCDCDCDCDCDCDCDCDCDCDCDCDCDCDCDCDCDCDCDCDCDCDCDCDCDCD"

static char why[DEVICE_TABLE_WHY_MAX];

static DeviceTable open_table(const char *text) {
        DeviceTable t;

        check_int(device_table_open(VIEW_STR(text), device_table_guess(VIEW_STR(text)), &t, why), 0);
        return t;
}

static void test_csv(void) {
        DeviceTable t = open_table("\xef\xbb\xbfHash,names,note,pinned,ak-lifetime,expires,issued\r\n" A
                                   ",one  Two,\"Anna, \"\"on\"\" loan\nsince May\",yes,24h,2100-03-01,77\r\n\r\n" B
                                   ",'007,'=1+1,,default,never,\n");
        unsigned line;
        Device d;

        check_int(device_table_next(&t, &d, &line, why), 1);
        check_int(line, 2);
        check_int(d.n_names, 2);
        check_str(d.names[1], "Two");
        check_str(d.note, "Anna, \"on\" loan\nsince May");
        check(d.pinned && d.ak_lifetime == 86400 && d.expires == 4107542400 && d.issued == 0);
        check_int(device_table_next(&t, &d, &line, why), 1);
        check_int(line, 5);
        check_int(d.ek_hash[0], 0xcd);
        check_str(d.names[0], "007");
        check_str(d.note, "=1+1");
        check(!d.pinned && d.ak_lifetime == 0 && d.expires == 0);
        check_int(device_table_next(&t, &d, &line, why), 0);

        t = open_table("hash;name\n" A ";one\n"); /* as some spreadsheets write it */
        check_int(device_table_next(&t, &d, &line, why), 1);
        check_str(d.names[0], "one");
}

static void refuse_row(const char *text, unsigned expected_line) {
        DeviceTable t = open_table(text);
        unsigned line = 0;
        Device d;

        why[0] = 0;
        check_int(device_table_next(&t, &d, &line, why), -EBADMSG);
        check_int(line, expected_line);
        check(why[0]);
        /* The next row is found all the same. */
        while (device_table_next(&t, &d, &line, why) < 0)
                ;
}

static void test_bad_rows(void) {
        refuse_row("hash,names\nxyz,one\n", 2);
        refuse_row("hash,names\n" A ",no/slash\n", 2);
        refuse_row("hash,names\n" A ",one ONE\n", 2);
        refuse_row("hash,names\n,one\n", 2);
        refuse_row("hash,names\n\n\n" A ",\"open\n" B ",two\n", 4);
        refuse_row("hash,names\n" A ",\"a\"b\n", 2);
        refuse_row("hash,names\n" A ",one,more\n", 2);
        refuse_row("hash,any-name,names\n" A ",yes,one\n", 2);
        refuse_row("hash,pinned\n" A ",perhaps\n", 2);
        refuse_row("hash,ak-lifetime\n" A ",11y\n", 2);
        refuse_row("hash,expires\n" A ",soon\n", 2);
        refuse_row("hash,note\n" A ",\xff\n", 2);
        refuse_row("hash,certificate\n" A ",!!!\n", 2);
        refuse_row("{\"ek-hash\":\"" A "\",\"colour\":1}\n", 1);
        refuse_row("{\"ek-hash\":\"" A "\",\"names\":[1]}\n", 1);
        refuse_row("{\"ek-hash\":\"" A "\",\"note\":\"a\\u0000b\"}\n", 1);
        refuse_row("{\"ek-hash\":\"" A "\"} x\n", 1);
        refuse_row("{\"ek-hash\":\"" A "\",\"ek-hash\":\"" A "\"}\n", 1);
}

static void test_bad_files(void) {
        static const char *const bad[] = { "hash,colour\n", "\"hash\n", "hash,\"names\"x\n",
                                           "a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a\n" };
        DeviceTable t;

        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                why[0] = 0;
                check_int(device_table_open(VIEW_STR(bad[i]), DEVICE_TABLE_CSV, &t, why), -EBADMSG);
                check(why[0]);
        }
}

static void test_long(void) {
        static char text[3 * DEVICE_TABLE_ROW_MAX];
        char *end = stpcpy(text, "hash,note\n" A ",");

        memset(end, 'x', 2 * DEVICE_TABLE_ROW_MAX);
        strcpy(end + 2 * DEVICE_TABLE_ROW_MAX, "\n");
        refuse_row(text, 2);
        end = stpcpy(text, "{\"ek-hash\":\"" A "\",\"note\":\"");
        memset(end, 'x', 2 * DEVICE_TABLE_ROW_MAX);
        strcpy(end + 2 * DEVICE_TABLE_ROW_MAX, "\"}\n");
        refuse_row(text, 1);
}

static void test_json(void) {
        DeviceTable t = open_table("{\"ek-hash\":\"" A "\",\"names\":[\"one\",\"Two\"],\"note\":\"\\u00e9\",\"pinned\":true,"
                                   "\"ak-lifetime\":60,\"expires\":4107542400,\"created\":1,\"version\":3}\n"
                                   "{\"hash\":\"" B "\",\"any-name\":true,\"note\":null}");
        unsigned line;
        Device d;

        check_int(device_table_next(&t, &d, &line, why), 1);
        check_str(d.note, "é");
        check(d.pinned && d.n_names == 2 && d.ak_lifetime == 60 && d.expires == 4107542400 && d.created == 0);
        check_int(device_table_next(&t, &d, &line, why), 1);
        check_int(line, 2);
        check(d.any_name);
        check_int(device_table_next(&t, &d, &line, why), 0);
}

static void test_round_trip(void) {
        static const char *const notes[] = { "", "=cmd|' /C calc'!A0", "'", "a,b;c\t\"d\"\r\nline", " lead", "007", "é’" };
        Device d = { .ek_hash = { 0x12 }, .n_names = 2, .names = { "12e5", "x" }, .disabled = true, .ak_lifetime = 5,
                     .expires = 4107542400, .created = 1, .issued = 9 };

        for (size_t i = 0; i < ELEMENTSOF(notes); i++)
                for (DeviceTableFormat f = DEVICE_TABLE_CSV; f <= DEVICE_TABLE_JSON_LINES; f++) {
                        static char text[2 * DEVICE_TABLE_LINE_SIZE];
                        unsigned line;
                        Device back;
                        strcpy(d.note, notes[i]);
                        char *at = stpcpy(text, device_table_head(f));
                        int n = device_table_format(&d, f, at);
                        check_int(n, strlen(at));
                        DeviceTable t = open_table(text);
                        check_int(t.format, f);
                        check_int(device_table_next(&t, &back, &line, why), 1);
                        check(device_same_settings(&d, &back));
                        check_int(device_table_next(&t, &back, &line, why), 0);
                }
}

int main(void) {
        test_csv();
        test_bad_rows();
        test_bad_files();
        test_long();
        test_json();
        test_round_trip();
        return EXIT_SUCCESS;
}
