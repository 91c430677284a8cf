/* SPDX-License-Identifier: MIT */
#include "protocol/p11-module.h"

static ByteView trim(ByteView v) {
        while (v.size > 0 && strchr(" \t\r", v.data[0]) && v.data[0])
                v = VIEW(v.data + 1, v.size - 1);
        while (v.size > 0 && strchr(" \t\r", v.data[v.size - 1]) && v.data[v.size - 1])
                v.size--;
        return v;
}

/* 1: it is the key's line. */
static int parse_line(ByteView line, const char *key, ByteView *ret) {
        line = trim(line);
        if (line.size == 0 || line.data[0] == '#')
                return 0;
        const uint8_t *colon = memchr(line.data, ':', line.size);
        if (!colon || memchr(line.data, 0, line.size))
                return -EBADMSG;
        size_t n = (size_t) (colon - line.data);
        if (!view_equal(trim(VIEW(line.data, n)), VIEW_STR(key)))
                return 0;
        *ret = trim(VIEW(colon + 1, line.size - n - 1));
        return 1;
}

int p11_module_get(ByteView text, const char *key, char **ret) {
        ByteView value = VIEW_NULL;
        bool found = false;

        while (text.size > 0) {
                const uint8_t *end = memchr(text.data, '\n', text.size);
                size_t n = end ? (size_t) (end - text.data) : text.size;
                int r = parse_line(VIEW(text.data, n), key, &value);
                if (r < 0)
                        return r;
                found = found || r > 0;
                text = end ? VIEW(end + 1, text.size - n - 1) : VIEW_NULL;
        }
        if (!found)
                return -ENOENT;
        char *copy = strndup(value.size > 0 ? (const char *) value.data : "", value.size);
        if (!copy)
                return -ENOMEM;
        *ret = copy;
        return 0;
}
