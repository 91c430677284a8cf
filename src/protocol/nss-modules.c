/* SPDX-License-Identifier: MIT */
#include "protocol/nss-modules.h"

#include <stdio.h>

typedef struct Module {
        ByteView whole; /* its lines, and the empty ones behind */
        ByteView name, library;
} Module;

static ByteView next_line(ByteView *rest) {
        const uint8_t *end = rest->size > 0 ? memchr(rest->data, '\n', rest->size) : NULL;
        size_t n = end ? (size_t) (end - rest->data) : rest->size;
        ByteView line = VIEW(rest->data, n);

        *rest = end ? VIEW(end + 1, rest->size - n - 1) : VIEW_NULL;
        return line;
}

static bool is_empty(ByteView line) {
        for (size_t i = 0; i < line.size; i++)
                if (line.data[i] != ' ' && line.data[i] != '\t' && line.data[i] != '\r')
                        return false;
        return true;
}

static void take_value(ByteView line, const char *key, ByteView *ret) {
        size_t n = strlen(key);

        if (line.size >= n && memcmp(line.data, key, n) == 0)
                *ret = VIEW(line.data + n, line.size - n);
}

/* False at the end. */
static bool next_module(ByteView *rest, Module *ret) {
        ByteView start = *rest;
        Module m = {};
        bool begun = false, ended = false;

        while (rest->size > 0) {
                ByteView ahead = *rest, line = next_line(&ahead);
                bool empty = is_empty(line);

                if (ended && !empty)
                        break;
                begun = begun || !empty;
                ended = begun && empty;
                take_value(line, "name=", &m.name);
                take_value(line, "library=", &m.library);
                *rest = ahead;
        }
        m.whole = VIEW(start.data, start.size - rest->size);
        *ret = m;
        return start.size > 0;
}

static int find(ByteView file, bool (*is_it)(const Module *, const char *), const char *wanted, Module *ret) {
        Module m;

        while (next_module(&file, &m))
                if (is_it(&m, wanted)) {
                        *ret = m;
                        return 0;
                }
        return -ENOENT;
}

static bool has_name(const Module *m, const char *name) {
        return view_equal(m->name, VIEW_STR(name));
}

static bool has_library(const Module *m, const char *library) {
        size_t n = strlen(library);

        return m->library.size > n && m->library.data[m->library.size - n - 1] == '/' &&
               memcmp(m->library.data + m->library.size - n, library, n) == 0;
}

static int library_of(const Module *m, char **ret) {
        char *copy = strndup(m->library.size > 0 ? (const char *) m->library.data : "", m->library.size);

        if (!copy)
                return -ENOMEM;
        *ret = copy;
        return 0;
}

int nss_modules_find(ByteView file, const char *name, char **ret_library) {
        Module m;

        int r = find(file, has_name, name, &m);
        return r < 0 ? r : library_of(&m, ret_library);
}

int nss_modules_find_library(ByteView file, const char *library, char **ret_library) {
        Module m;

        int r = find(file, has_library, library, &m);
        return r < 0 ? r : library_of(&m, ret_library);
}

static bool has_flag(const Module *m, const char *flag) {
        return memmem(m->whole.data, m->whole.size, flag, strlen(flag));
}

int nss_modules_add(ByteView file, const char *name, const char *library, Bytes *ret) {
        _cleanup_free_ char *text = NULL;
        Module m;

        if (find(file, has_name, name, &m) >= 0)
                return -EEXIST;
        if (find(file, has_flag, "internal", &m) < 0)
                return -EBADMSG;
        bool line = file.data[file.size - 1] == '\n', gap = line && file.size > 1 && file.data[file.size - 2] == '\n';
        int n = asprintf(&text, "%s%slibrary=%s\nname=%s\n\n", line ? "" : "\n", gap ? "" : "\n", library, name);
        if (n < 0) {
                text = NULL;
                return -ENOMEM;
        }
        Bytes whole = { .data = malloc(file.size + (size_t) n + 1), .size = file.size + (size_t) n };
        if (!whole.data)
                return -ENOMEM;
        memcpy(whole.data, file.data, file.size);
        memcpy(whole.data + file.size, text, (size_t) n + 1);
        *ret = whole;
        return 0;
}

int nss_modules_remove(ByteView file, const char *name, Bytes *ret) {
        _cleanup_bytes_ Bytes copy = BYTES_NULL;
        Module m;

        int r = find(file, has_name, name, &m);
        if (r >= 0)
                r = bytes_copy(file, &copy);
        if (r < 0)
                return r;
        size_t at = (size_t) (m.whole.data - file.data);
        memmove(copy.data + at, copy.data + at + m.whole.size, copy.size - at - m.whole.size);
        copy.size -= m.whole.size;
        *ret = TAKE_BYTES(copy);
        return 0;
}
