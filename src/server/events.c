/* SPDX-License-Identifier: MIT */
#include "server/events.h"

#include <inttypes.h>
#include <stdio.h>

void events_format_head(const LogHead *head, char ret_count[static EVENTS_COUNT_TEXT_MAX],
                        char ret_hash[static 2 * LOG_HASH_SIZE + 1], char ret_text[static LOG_HEAD_TEXT_MAX]) {
        (void) snprintf(ret_count, EVENTS_COUNT_TEXT_MAX, "%" PRIu64, head->count);
        hex_encode(VIEW_ARRAY(head->hash), ret_hash);
        log_head_format(head, ret_text);
}

const char *events_format_uid(uint32_t uid, char ret[static EVENTS_UID_TEXT_MAX]) {
        (void) snprintf(ret, EVENTS_UID_TEXT_MAX, "%" PRIu32, uid);
        return ret;
}
