/* SPDX-License-Identifier: MIT */
#include <strings.h>

#include "protocol/http-head.h"
#include "protocol/utc-time.h"

#define DATE_FIELD "Date:"
#define DATE_TEXT_MAX 64U

/* "HTTP/1.1 200 OK": the reason may be missing. */
static int parse_status(ByteView line, unsigned *ret) {
        const uint8_t *p = line.data;
        unsigned status = 0;

        if (line.size < strlen("HTTP/1.1 200") || memcmp(p, "HTTP/1.", 7) != 0 || p[7] < '0' || p[7] > '9' ||
            p[8] != ' ' || (line.size > 12 && p[12] != ' '))
                return -EBADMSG;
        for (size_t i = 9; i < 12; i++) {
                if (p[i] < '0' || p[i] > '9')
                        return -EBADMSG;
                status = status * 10 + p[i] - '0';
        }
        *ret = status;
        return status < 100 ? -EBADMSG : 0;
}

static void parse_field(ByteView line, HttpHead *head) {
        size_t n = strlen(DATE_FIELD);
        char text[DATE_TEXT_MAX];
        int64_t date;

        if (line.size < n || strncasecmp((const char *) line.data, DATE_FIELD, n) != 0)
                return;
        while (n < line.size && (line.data[n] == ' ' || line.data[n] == '\t'))
                n++;
        size_t left = line.size - n;
        if (left >= sizeof(text) || memchr(line.data + n, 0, left))
                return;
        memcpy(text, line.data + n, left);
        text[left] = 0;
        if (http_date_parse(text, &date) >= 0)
                head->date = date;
}

/* The next line without its CR LF; -EAGAIN when its end is not there. */
static int next_line(ByteView *rest, ByteView *ret) {
        const uint8_t *end = rest->size > 0 ? memchr(rest->data, '\n', rest->size) : NULL;

        if (!end)
                return -EAGAIN;
        size_t n = (size_t) (end - rest->data);
        *ret = VIEW(rest->data, n > 0 && end[-1] == '\r' ? n - 1 : n);
        *rest = VIEW(end + 1, rest->size - n - 1);
        return 0;
}

int http_head_parse(ByteView text, HttpHead *ret) {
        HttpHead head = {};
        ByteView line;

        int r = next_line(&text, &line);
        if (r >= 0)
                r = parse_status(line, &head.status);
        while (r >= 0 && (r = next_line(&text, &line)) >= 0 && line.size > 0)
                parse_field(line, &head);
        if (r < 0)
                return r;
        *ret = head;
        return 0;
}
