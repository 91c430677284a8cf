/* SPDX-License-Identifier: MIT */
#include "protocol/spreadsheet.h"

static bool looks_like_number(const char *text) {
        return text[0] >= '0' && text[0] <= '9' && text[strspn(text, "0123456789 .,:/+-eE%")] == 0;
}

bool spreadsheet_needs_guard(const char *text) {
        return (text[0] && strchr("=+-@\t\r\n'", text[0])) || looks_like_number(text);
}

const char *spreadsheet_unguard(const char *text) {
        return text[0] == '\'' && spreadsheet_needs_guard(text + 1) ? text + 1 : text;
}

static bool needs_quotes(const char *text) {
        return text[strcspn(text, "\",;\t\r\n")] != 0 || text[0] == ' ';
}

int spreadsheet_cell(const char *text, char *ret, size_t size) {
        bool quoted = needs_quotes(text);
        ByteWriter w = WRITER(ret, size);

        if (quoted)
                write_u8(&w, '"');
        if (spreadsheet_needs_guard(text))
                write_u8(&w, '\'');
        for (const char *p = text; *p; p++) {
                if (*p == '"')
                        write_u8(&w, '"');
                write_u8(&w, (uint8_t) *p);
        }
        if (quoted)
                write_u8(&w, '"');
        return w.failed ? -E2BIG : (int) w.size;
}
