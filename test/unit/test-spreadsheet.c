/* SPDX-License-Identifier: MIT */
#include "protocol/spreadsheet.h"

#include "test.h"

static void cell(const char *text, const char *expected) {
        char ret[64] = "";

        int n = spreadsheet_cell(text, ret, sizeof(ret) - 1);
        check(n >= 0);
        ret[n] = 0;
        check_str(ret, expected);
}

static void test_formulas(void) {
        cell("=1+1", "'=1+1");
        cell("+49 30 123", "'+49 30 123");
        cell("-1", "'-1");
        cell("@SUM(A1)", "'@SUM(A1)");
        cell("\t=1", "\"'\t=1\"");
        cell("=HYPERLINK(\"http://x\",\"y\")", "\"'=HYPERLINK(\"\"http://x\"\",\"\"y\"\")\"");
}

static void test_numbers(void) {
        cell("007", "'007");
        cell("3-4", "'3-4");
        cell("12e5", "'12e5");
        cell("1/2/2027", "'1/2/2027");
        cell("7b", "7b");
        cell("laptop-7", "laptop-7");
}

static void test_plain(void) {
        cell("", "");
        cell("framework", "framework");
        cell("a,b", "\"a,b\"");
        cell("a;b", "\"a;b\"");
        cell("say \"x\"", "\"say \"\"x\"\"\"");
        cell("two\nlines", "\"two\nlines\"");
        cell("'quoted", "''quoted");
}

static void test_back(void) {
        static const char *const texts[] = { "", "'", "''", "'=x", "=x", "'''", "007", "'007", "'90s kid", "-", "\n", "a" };

        for (size_t i = 0; i < ELEMENTSOF(texts); i++) {
                char guarded[32];
                (void) snprintf(guarded, sizeof(guarded), "%s%s", spreadsheet_needs_guard(texts[i]) ? "'" : "", texts[i]);
                check_str(spreadsheet_unguard(guarded), texts[i]);
        }
        check_str(spreadsheet_unguard("'90s kid"), "'90s kid"); /* nobody guarded that */

        char small[4];
        check_int(spreadsheet_cell("abcde", small, sizeof(small)), -E2BIG);
}

int main(void) {
        test_formulas();
        test_numbers();
        test_plain();
        test_back();
        return EXIT_SUCCESS;
}
