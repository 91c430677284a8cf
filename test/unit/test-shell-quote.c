/* SPDX-License-Identifier: MIT */
#include "protocol/shell-quote.h"
#include "test.h"

#define TEXT_MAX 64U

static void test_quote(void) {
        static const struct {
                const char *text, *word;
        } cases[] = {
                { "https://ca.example:9443/acme/da/directory", "https://ca.example:9443/acme/da/directory" },
                { "/etc/attezt/ca.d/0.pem", "/etc/attezt/ca.d/0.pem" },
                { "", "''" },
                { "$(id>/root/x);x", "'$(id>/root/x);x'" },
                { "`id`", "'`id`'" },
                { "a b\nc", "'a b\nc'" },
                { "it's", "'it'\\''s'" },
                { "'", "''\\'''" },
                { "~root", "'~root'" },
                { "https://[::1]/", "'https://[::1]/'" },
                { "a\\", "'a\\'" },
                { "\xc3\xa9", "'\xc3\xa9'" },
        };
        char word[TEXT_MAX];

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                check_int(shell_quote(cases[i].text, word, sizeof(word)), 0);
                check_str(word, cases[i].word);
                /* Every room that is too small is too small. */
                for (size_t n = 0; n <= strlen(cases[i].word); n++)
                        check_int(shell_quote(cases[i].text, word, n), -ENOBUFS);
                check_int(shell_quote(cases[i].text, word, strlen(cases[i].word) + 1), 0);
                check_str(word, cases[i].word);
        }
}

static int format(char *ret, size_t size, const char *f, ...) {
        va_list ap;

        va_start(ap, f);
        int r = shell_format(ret, size, f, ap);
        va_end(ap);
        return r;
}

static void test_format(void) {
        char line[TEXT_MAX];

        check_int(format(line, sizeof(line), "chgrp %s %s && chmod 0640 %s/ 100%%", "g", "/a b", "x;y"), 0);
        check_str(line, "chgrp g '/a b' && chmod 0640 'x;y'/ 100%");
        check_int(format(line, sizeof(line), "%d", 1), -EINVAL);
        check_str(line, "");
        check_int(format(line, sizeof(line), "rm %"), -EINVAL);
        check_int(format(line, 8, "rm %s", "'''"), -ENOBUFS);
        check_str(line, "");
        check_int(format(line, 0, "%s", ""), -ENOBUFS);
}

int main(void) {
        test_quote();
        test_format();
        return 0;
}
