/* SPDX-License-Identifier: MIT */
#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <stdio.h>

#include "cli/ca-trust.h"

#define BLOCK_SIZE (64U * 1024)

static void archive_freep(struct archive **a) {
        if (*a)
                (void) archive_read_free(*a);
}

typedef struct Unpacking {
        TrustCollector *collector;
        struct archive *archive;
        const char *path; /* of the cab */
        unsigned n;
        size_t size;      /* so far, of all */
} Unpacking;

/* As many bytes as a file may have; the archive's own word on its size counts for nothing. */
static int read_entry(Unpacking *u, Bytes *ret) {
        _cleanup_bytes_ Bytes b = { .data = malloc(TRUST_STORE_FILE_MAX + 1) };

        if (!b.data)
                return -ENOMEM;
        for (;;) {
                ssize_t n = archive_read_data(u->archive, b.data + b.size, TRUST_STORE_FILE_MAX + 1 - b.size);
                if (n < 0)
                        return -EBADMSG;
                if (n == 0)
                        break;
                b.size += (size_t) n;
                u->size += (size_t) n;
                if (b.size > TRUST_STORE_FILE_MAX)
                        return -EFBIG;
                if (u->size > TRUST_ARCHIVE_SIZE_MAX)
                        return -E2BIG;
        }
        *ret = TAKE_BYTES(b);
        return 0;
}

static int take_entry(Unpacking *u, const char *name) {
        _cleanup_free_ char *folder = NULL, *source = NULL;
        _cleanup_bytes_ Bytes content = BYTES_NULL;

        int r = trust_vendor_folder(name, &folder);
        if (r >= 0 && asprintf(&source, "%s: %s", u->path, name) < 0) {
                source = NULL;
                r = -ENOMEM;
        }
        if (r < 0)
                return r;
        r = read_entry(u, &content);
        if (r == -EFBIG) {
                trust_collect_skip(u->collector, source, r);
                return 0;
        }
        return r < 0 ? r : trust_collect(u->collector, source, folder, bytes_view(&content));
}

static int take_all(Unpacking *u) {
        struct archive_entry *e;
        int k;

        while ((k = archive_read_next_header(u->archive, &e)) == ARCHIVE_OK || k == ARCHIVE_WARN) {
                const char *name = archive_entry_pathname(e);

                if (u->n++ >= TRUST_ARCHIVE_ENTRIES_MAX)
                        return -E2BIG;
                if (!name || archive_entry_filetype(e) != AE_IFREG)
                        continue;
                int r = take_entry(u, name);
                if (r < 0)
                        return r;
        }
        return k == ARCHIVE_EOF ? 0 : -EBADMSG;
}

int trust_collect_archive(TrustCollector *c, const char *path) {
        _cleanup_(archive_freep) struct archive *a = archive_read_new();
        _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
        Unpacking u = { .collector = c, .archive = a, .path = path };
        char escaped[LOG_ESCAPED_MAX];

        if (fd < 0) {
                log_error_errno(-errno, "Could not open \"%s\": %m", path);
                return EXIT_FAILURE;
        }
        if (!a || archive_read_support_format_cab(a) != ARCHIVE_OK)
                return cli_failed(-ENOMEM, "read a cab");
        int r = archive_read_open_fd(a, fd, BLOCK_SIZE) == ARCHIVE_OK ? take_all(&u) : -EBADMSG;
        if (r == -E2BIG)
                log_error("\"%s\" holds more than %u files or %u MiB: that is no list of roots.", path,
                          TRUST_ARCHIVE_ENTRIES_MAX, TRUST_ARCHIVE_SIZE_MAX / (1024 * 1024));
        else if (r == -EBADMSG) {
                const char *text = archive_error_string(a) ?: "it ends too early";
                log_error("\"%s\" is no folder and no cab that can be read: %s.", path,
                          log_escape(text, strlen(text), escaped));
        } else if (r < 0)
                log_error_errno(r, "Could not read \"%s\": %m", path);
        return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
