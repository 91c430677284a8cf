/* SPDX-License-Identifier: MIT */
#include "protocol/http-head.h"
#include "test.h"

static void test_good(void) {
        HttpHead h = {};

        check_int(http_head_parse(VIEW_STR("HTTP/1.1 200 OK\r\nServer: x\r\ndate:  Sun, 06 Nov 1994 08:49:37 "
                                           "GMT\r\n\r\n{"), &h), 0);
        check_int(h.status, 200);
        check_int(h.date, 784111777);
        check_int(http_head_parse(VIEW_STR("HTTP/1.0 503\n\n"), &h), 0);
        check_int(h.status, 503);
        check_int(h.date, 0);
        check_int(http_head_parse(VIEW_STR("HTTP/1.1 404 Not Found\r\nDate: yesterday\r\n\r\n"), &h), 0);
        check_int(h.status, 404);
        check_int(h.date, 0);
}

static void test_bad(void) {
        static const char *const bad[] = {
                "\r\n\r\n",
                "HTTP/2 200\r\n\r\n",
                "HTTP/1.1 20\r\n\r\n",
                "HTTP/1.1 2000\r\n\r\n",
                "HTTP/1.1  200\r\n\r\n",
                "HTTP/1.1 099 x\r\n\r\n",
                "SSH-2.0-x\r\n\r\n",
                "http/1.1 200 OK\r\n\r\n",
        };
        static const char *const short_of[] = {
                "",
                "HTTP/1.1 200",
                "HTTP/1.1 200 OK\r\n",
                "HTTP/1.1 200 OK\r\nDate: x\r\n",
        };
        HttpHead h = { .status = 7 };

        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                check_int(http_head_parse(VIEW_STR(bad[i]), &h), -EBADMSG);
        for (size_t i = 0; i < ELEMENTSOF(short_of); i++)
                check_int(http_head_parse(VIEW_STR(short_of[i]), &h), -EAGAIN);
        check_int(h.status, 7);
}

int main(void) {
        test_good();
        test_bad();
        return 0;
}
