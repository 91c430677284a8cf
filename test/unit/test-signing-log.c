/* SPDX-License-Identifier: MIT */
#include "protocol/signing-log.h"

#include "test.h"

static void make(const LogHead *after, uint8_t ret[static LOG_ENTRY_SIZE]) {
        LogEntry e = { .number = after->count + 1, .kind = LOG_AK_CERTIFICATE, .time = 1000 + (int64_t) after->count,
                       .serial = { (uint8_t) after->count }, .signed_hash = { 7 }, .ek_hash = { 8 } };

        memcpy(e.previous, after->hash, sizeof(e.previous));
        log_entry_encode(&e, ret);
}

static void test_chain(void) {
        uint8_t entries[4][LOG_ENTRY_SIZE];
        LogHead head = {}, start = {}, end;
        LogEntry e;

        for (size_t i = 0; i < ELEMENTSOF(entries); i++) {
                make(&head, entries[i]);
                check_int(log_head_advance(&head, VIEW_ARRAY(entries[i]), &e), 0);
                check_int(e.number, i + 1);
                check_int(head.count, i + 1);
                check_int(e.serial[0], i);
        }
        end = head;

        /* Left out, twice, out of turn. */
        head = start;
        check_int(log_head_advance(&head, VIEW_ARRAY(entries[1]), &e), -EUCLEAN);
        check_int(log_head_advance(&head, VIEW_ARRAY(entries[0]), &e), 0);
        check_int(log_head_advance(&head, VIEW_ARRAY(entries[0]), &e), -EUCLEAN);
        check_int(log_head_advance(&head, VIEW_ARRAY(entries[2]), &e), -EUCLEAN);
        check_int(head.count, 1);

        /* Any bit of any entry changes all that follows. */
        for (size_t at = 0; at < LOG_ENTRY_SIZE; at++) {
                head = start;
                entries[1][at] ^= 1;
                int r = log_head_advance(&head, VIEW_ARRAY(entries[0]), &e);
                for (size_t i = 1; i < ELEMENTSOF(entries) && r >= 0; i++)
                        r = log_head_advance(&head, VIEW_ARRAY(entries[i]), &e);
                check(r < 0 || memcmp(head.hash, end.hash, sizeof(end.hash)) != 0);
                entries[1][at] ^= 1;
        }
}

static void test_bad_entries(void) {
        uint8_t entry[LOG_ENTRY_SIZE];
        LogHead head = {};
        LogEntry e;

        make(&head, entry);
        check_int(log_entry_decode(VIEW_ARRAY(entry), &e), 0);
        check_int(log_entry_decode(VIEW(entry, LOG_ENTRY_SIZE - 1), &e), -EBADMSG);
        entry[0] = 2;
        check_int(log_entry_decode(VIEW_ARRAY(entry), &e), -EBADMSG);
        entry[0] = 1;
        entry[9] = 0;
        check_int(log_entry_decode(VIEW_ARRAY(entry), &e), -EBADMSG);
        entry[9] = _LOG_KIND_MAX;
        check_int(log_head_advance(&head, VIEW_ARRAY(entry), &e), -EBADMSG);
        check_int(head.count, 0);
        for (LogKind k = LOG_AK_CERTIFICATE; k < _LOG_KIND_MAX; k++)
                check(log_kind_to_string(k));
        check(!log_kind_to_string((LogKind) 0));
        check(!log_kind_to_string(_LOG_KIND_MAX));
}

static void test_heads(void) {
        LogHead h = { .count = 18446744073709551ULL, .hash = { 0xab, 0xcd } }, back = {};
        char text[LOG_HEAD_TEXT_MAX];

        log_head_format(&h, text);
        check_str(text, "18446744073709551:abcd000000000000000000000000000000000000000000000000000000000000");
        check_int(log_head_parse(text, &back), 0);
        check_int(back.count, h.count);
        check(memcmp(back.hash, h.hash, sizeof(h.hash)) == 0);
        static const char *const bad[] = { "", ":", "1", "1:ab", "-1:abcd000000000000000000000000000000000000000000000000000000000000",
                                           "1:xbcd000000000000000000000000000000000000000000000000000000000000",
                                           "1 :abcd000000000000000000000000000000000000000000000000000000000000",
                                           "12345678901234567890:abcd000000000000000000000000000000000000000000000000000000000000" };
        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                check_int(log_head_parse(bad[i], &back), -EINVAL);
}

int main(void) {
        test_chain();
        test_bad_entries();
        test_heads();
        return EXIT_SUCCESS;
}
