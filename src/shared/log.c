/* SPDX-License-Identifier: MIT */
#include "shared/log.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <systemd/sd-journal.h>

#include "shared/cleanup.h"

#define LOG_LINE_MAX 2048U
#define LOG_FIELDS_MAX 16U

static struct {
        const char *identifier;
        int max_level;
        bool journal, complained;
} logger = { .identifier = "attezt", .max_level = LOG_INFO };

/* systemd.exec(5): JOURNAL_STREAM holds device and inode of the stream that it connected. */
static bool stderr_is_journal(void) {
        const char *e = getenv("JOURNAL_STREAM");
        uint64_t device, inode;
        struct stat st;

        return e && sscanf(e, "%" SCNu64 ":%" SCNu64, &device, &inode) == 2 && fstat(STDERR_FILENO, &st) >= 0 &&
               st.st_dev == device && st.st_ino == inode;
}

void log_open(const char *identifier) {
        logger.identifier = identifier;
        logger.journal = stderr_is_journal();
}

void log_set_max_level(int level) {
        logger.max_level = level;
}

bool log_complained(void) {
        return logger.complained;
}

static int add_field(struct iovec *iov, size_t *n, const char *name, const char *value) {
        char *s;
        int k = asprintf(&s, "%s=%s", name, value);
        if (k < 0)
                return -ENOMEM;
        iov[(*n)++] = (struct iovec) { .iov_base = s, .iov_len = (size_t) k };
        return 0;
}

static void send_journal(int level, const sd_id128_t *id, const char *const *fields, const char *message) {
        struct iovec iov[LOG_FIELDS_MAX + 4];
        size_t n = 0;
        char priority[2] = { (char) ('0' + level), 0 };

        (void) add_field(iov, &n, "MESSAGE", message);
        (void) add_field(iov, &n, "PRIORITY", priority);
        (void) add_field(iov, &n, "SYSLOG_IDENTIFIER", logger.identifier);
        if (id) {
                char text[SD_ID128_STRING_MAX];
                (void) add_field(iov, &n, "MESSAGE_ID", sd_id128_to_string(*id, text));
        }
        for (size_t i = 0; fields && fields[i] && n < LOG_FIELDS_MAX; i += 2)
                if (fields[i + 1])
                        (void) add_field(iov, &n, fields[i], fields[i + 1]);

        (void) sd_journal_sendv(iov, (int) n);
        for (size_t i = 0; i < n; i++)
                free(iov[i].iov_base);
}

static void send_stderr(int level, const char *message) {
        char line[LOG_LINE_MAX + 64];
        int n = snprintf(line, sizeof(line), "%s: %s%s\n", logger.identifier,
                         level <= LOG_ERR ? "error: " : level == LOG_WARNING ? "warning: " : "", message);

        /* One write per line, so that lines of several processes do not mix. */
        if (n > 0 && write(STDERR_FILENO, line, MIN_OF((size_t) n, sizeof(line) - 1)) < 0)
                return;
}

static void send_message(int level, const sd_id128_t *id, const char *const *fields, const char *format, va_list ap) {
        char message[LOG_LINE_MAX];

        logger.complained |= level <= LOG_WARNING;
        (void) vsnprintf(message, sizeof(message), format, ap);
        if (logger.journal)
                send_journal(level, id, fields, message);
        else
                send_stderr(level, message);
}

void log_full(int level, const char *format, ...) {
        va_list ap;

        if (level > logger.max_level)
                return;
        va_start(ap, format);
        send_message(level, NULL, NULL, format, ap);
        va_end(ap);
}

int log_errno(int level, int error, const char *format, ...) {
        va_list ap;

        if (level > logger.max_level)
                return error;
        va_start(ap, format);
        errno = error < 0 ? -error : error; /* for %m */
        send_message(level, NULL, NULL, format, ap);
        va_end(ap);
        return error;
}

void log_event(int level, sd_id128_t id, const char *const *fields, const char *format, ...) {
        va_list ap;

        if (level > logger.max_level)
                return;
        va_start(ap, format);
        send_message(level, &id, fields, format, ap);
        va_end(ap);
}

const char *log_escape(const char *text, size_t n, char ret[static LOG_ESCAPED_MAX]) {
        static const char digits[] = "0123456789abcdef";
        size_t k = 0;

        for (size_t i = 0; i < n; i++) {
                unsigned char c = (unsigned char) text[i];
                bool plain = c >= 0x20 && c < 0x7f && c != '\\';
                if (k + (plain ? 1 : 4) > LOG_ESCAPED_MAX - 4) {
                        memcpy(ret + k, "...", 3);
                        k += 3;
                        break;
                }
                if (plain)
                        ret[k++] = (char) c;
                else {
                        ret[k++] = '\\';
                        ret[k++] = 'x';
                        ret[k++] = digits[c >> 4];
                        ret[k++] = digits[c & 15];
                }
        }
        ret[k] = 0;
        return ret;
}
