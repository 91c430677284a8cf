/* SPDX-License-Identifier: MIT */
#include "protocol/signing-log.h"

#include "test.h"

static void make(const LogHead *after, LogBytes *ret) {
        LogEntry e = { .number = after->count + 1, .kind = LOG_AK_CERTIFICATE, .time = 1000 + (int64_t) after->count,
                       .serial = { (uint8_t) after->count }, .signed_hash = { 7 }, .ek_hash = { 8 }, .not_after = 2000 };

        memcpy(e.previous, after->hash, sizeof(e.previous));
        log_entry_encode(&e, ret);
}

static void test_chain(void) {
        LogBytes entries[4];
        LogHead head = {}, start = {}, end;
        LogEntry e;

        for (size_t i = 0; i < ELEMENTSOF(entries); i++) {
                make(&head, entries + i);
                check_int(log_head_advance(&head, log_bytes_view(entries + i), &e), 0);
                check_int(e.number, i + 1);
                check_int(head.count, i + 1);
                check_int(e.serial[0], i);
        }
        end = head;

        /* Left out, twice, out of turn. */
        head = start;
        check_int(log_head_advance(&head, log_bytes_view(entries + 1), &e), -EUCLEAN);
        check_int(log_head_advance(&head, log_bytes_view(entries), &e), 0);
        check_int(log_head_advance(&head, log_bytes_view(entries), &e), -EUCLEAN);
        check_int(log_head_advance(&head, log_bytes_view(entries + 2), &e), -EUCLEAN);
        check_int(head.count, 1);

        /* Any bit of any entry changes all that follows. */
        for (size_t at = 0; at < LOG_ENTRY_SIZE; at++) {
                head = start;
                entries[1].bytes[at] ^= 1;
                int r = log_head_advance(&head, log_bytes_view(entries), &e);
                for (size_t i = 1; i < ELEMENTSOF(entries) && r >= 0; i++)
                        r = log_head_advance(&head, log_bytes_view(entries + i), &e);
                check(r < 0 || memcmp(head.hash, end.hash, sizeof(end.hash)) != 0);
                entries[1].bytes[at] ^= 1;
        }
}

static void test_bad_entries(void) {
        LogHead head = {};
        LogBytes entry;
        LogEntry e;

        make(&head, &entry);
        check_int(entry.size, LOG_ENTRY_SIZE);
        check_int(log_entry_decode(log_bytes_view(&entry), &e), 0);
        check_int(e.not_after, 2000);
        check_int(log_entry_decode(VIEW(entry.bytes, LOG_ENTRY_SIZE - 1), &e), -EBADMSG);
        check_int(log_entry_decode(VIEW(entry.bytes, LOG_ENTRY_SIZE_1), &e), -EBADMSG);
        entry.bytes[0] = 3;
        check_int(log_entry_decode(log_bytes_view(&entry), &e), -EBADMSG);
        entry.bytes[0] = 2;
        entry.bytes[9] = 0;
        check_int(log_entry_decode(log_bytes_view(&entry), &e), -EBADMSG);
        entry.bytes[9] = _LOG_KIND_MAX;
        check_int(log_head_advance(&head, log_bytes_view(&entry), &e), -EBADMSG);
        check_int(head.count, 0);
        for (LogKind k = LOG_AK_CERTIFICATE; k < _LOG_KIND_MAX; k++)
                check(log_kind_to_string(k));
        check(!log_kind_to_string((LogKind) 0));
        check(!log_kind_to_string(_LOG_KIND_MAX));
}

/* Version 1 does not say when a certificate ends: it stays. Old and new ones make one chain. */
static void test_versions(void) {
        LogHead head = {};
        LogBytes entry;
        LogEntry e;

        make(&head, &entry);
        entry.bytes[0] = 1;
        check_int(log_entry_decode(log_bytes_view(&entry), &e), -EBADMSG);
        entry.size = LOG_ENTRY_SIZE_1;
        check_int(log_head_advance(&head, log_bytes_view(&entry), &e), 0);
        check_int(e.not_after, 0);
        check(!log_entry_outlives(&e, INT64_MAX));
        make(&head, &entry);
        check_int(log_head_advance(&head, log_bytes_view(&entry), &e), 0);
        check_int(head.count, 2);
        check(log_entry_outlives(&e, 2001));
        check(!log_entry_outlives(&e, 2000));
        check(!log_entry_outlives(&e, 0));
        e.kind = LOG_INTERMEDIATE;
        check(!log_entry_outlives(&e, 2001));
}

static void test_heads(void) {
        LogHead h = { .count = 1844674407370955161ULL, .hash = { 0xab, 0xcd } }, back = {};
        char text[LOG_HEAD_TEXT_MAX];

        log_head_format(&h, text);
        check_str(text, "1844674407370955161:abcd000000000000000000000000000000000000000000000000000000000000");
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
        test_versions();
        test_heads();
        return EXIT_SUCCESS;
}
