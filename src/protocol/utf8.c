/* SPDX-License-Identifier: MIT */
#include "protocol/utf8.h"

int utf8_next(const uint8_t **at, const uint8_t *end, uint32_t *ret) {
        static const uint32_t least[] = { 0, 0x80, 0x800, 0x10000 };
        const uint8_t *p = *at;
        uint32_t c = *p++;
        size_t more;

        if (c < 0x80)
                more = 0;
        else if (c >= 0xc2 && c < 0xe0)
                more = 1;
        else if (c >= 0xe0 && c < 0xf0)
                more = 2;
        else if (c >= 0xf0 && c < 0xf5)
                more = 3;
        else
                return -EBADMSG;

        if ((size_t) (end - p) < more)
                return -EBADMSG;
        if (more > 0)
                c &= 0x3fU >> more;
        for (size_t i = 0; i < more; i++, p++) {
                if ((*p & 0xc0) != 0x80)
                        return -EBADMSG;
                c = c << 6 | (*p & 0x3fU);
        }
        if (c < least[more] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
                return -EBADMSG;
        *at = p;
        *ret = c;
        return 0;
}

bool utf8_valid(ByteView text) {
        uint32_t c;

        if (text.size == 0)
                return true;
        const uint8_t *p = text.data, *end = text.data + text.size;
        while (p < end)
                if (utf8_next(&p, end, &c) < 0)
                        return false;
        return true;
}
