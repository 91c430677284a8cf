/* SPDX-License-Identifier: MIT */
#include "protocol/retry-after.h"
#include "protocol/utc-time.h"

int retry_after_parse(const char *value, int64_t now, int64_t *ret) {
        int64_t wait = 0, date;
        int r;

        if (*value >= '0' && *value <= '9') {
                for (; *value >= '0' && *value <= '9'; value++)
                        wait = MIN_OF(10 * wait + (*value - '0'), (int64_t) RETRY_AFTER_MAX);
                if (*value)
                        return -EBADMSG;
        } else {
                r = http_date_parse(value, &date);
                if (r < 0)
                        return r;
                wait = date > now ? date - now : 0;
        }
        *ret = MIN_OF(wait, (int64_t) RETRY_AFTER_MAX);
        return 0;
}
