/* SPDX-License-Identifier: MIT */
#include "cli/doctor.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/wait.h>
#include <time.h>

#include "protocol/shell-quote.h"
#include "protocol/utf8.h"

#define REAP_PAUSE_USEC 10000U
#define REAP_TRIES 100U

/* Written and read in one piece. */
_Static_assert(LOG_ESCAPED_MAX <= FINDING_TEXT_MAX, "an escaped text is too large");
_Static_assert(sizeof(Finding) <= PIPE_BUF, "a finding is too large for a pipe");

void finding_set(Finding *f, CheckStatus status, const char *command, const char *format, ...) {
        va_list ap;

        f->status = status;
        va_start(ap, format);
        (void) vsnprintf(f->text, sizeof(f->text), format, ap);
        va_end(ap);
        (void) snprintf(f->command, sizeof(f->command), "%s", command ? command : "");
}

void finding_command(Finding *f, const char *format, ...) {
        char command[FINDING_COMMAND_MAX];
        va_list ap;

        va_start(ap, format);
        if (shell_format(command, sizeof(command), format, ap) >= 0)
                memcpy(f->command, command, sizeof(command));
        va_end(ap);
}

/* Names and errors from outside may be in it: what they quote stays within its quotes. */
static void clean_command(char *text) {
        bool utf8 = utf8_valid(VIEW_STR(text));

        for (unsigned char *p = (unsigned char *) text; *p; p++)
                if (*p < 0x20 || *p == 0x7f || (*p > 0x7f && !utf8))
                        *p = '?';
}

static void clean_text(char text[static FINDING_TEXT_MAX]) {
        char escaped[LOG_ESCAPED_MAX];

        for (char *p = text; (p = strchr(p, '\n'));)
                *p = ' ';
        (void) log_escape(text, strlen(text), escaped);
        (void) snprintf(text, FINDING_TEXT_MAX, "%s", escaped);
}

static void look_and_tell(const Check *c, const Host *h, int fd) {
        Finding f = {};

        (void) setenv("TSS2_LOG", "all+NONE", 1); /* its errors come back as codes, and with a text */
        log_set_max_level(LOG_ERR);
        c->look(h, &f);
        (void) !write(fd, &f, sizeof(f));
        _exit(EXIT_SUCCESS);
}

static int64_t now_msec(void) {
        struct timespec ts = {};

        (void) clock_gettime(CLOCK_BOOTTIME, &ts);
        return (int64_t) ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* -ETIMEDOUT, -EPIPE: it ended without a word. */
static int wait_for_finding(int fd, unsigned seconds, Finding *ret) {
        int64_t end = now_msec() + seconds * 1000LL;
        struct pollfd p = { .fd = fd, .events = POLLIN };
        Finding f;

        for (;;) {
                int64_t left = end - now_msec();
                int n = left > 0 ? poll(&p, 1, (int) left) : 0;
                if (n < 0 && errno == EINTR)
                        continue;
                if (n <= 0)
                        return n < 0 ? -errno : -ETIMEDOUT;
                break;
        }
        if (read(fd, &f, sizeof(f)) != sizeof(f))
                return -EPIPE;
        *ret = f;
        return 0;
}

/* One that sleeps inside a driver does not die at once, perhaps never: nobody waits for it. */
static void end_process(pid_t pid) {
        (void) kill(pid, SIGKILL);
        for (unsigned i = 0; i < REAP_TRIES && waitpid(pid, NULL, WNOHANG) == 0; i++)
                (void) usleep(REAP_PAUSE_USEC);
}

void check_run(const Check *c, const Host *h, Finding *ret) {
        int fds[2];

        if (pipe2(fds, O_CLOEXEC) < 0) {
                finding_skipped(ret, NULL, "Could not look: %s.", strerror(errno));
                return;
        }
        _cleanup_close_ int reading = fds[0], writing = fds[1];
        (void) fflush(stdout);
        pid_t pid = fork();
        if (pid < 0) {
                finding_skipped(ret, NULL, "Could not look: %s.", strerror(errno));
                return;
        }
        if (pid == 0)
                look_and_tell(c, h, writing);
        (void) close(TAKE_FD(writing));

        int r = wait_for_finding(reading, c->seconds, ret);
        end_process(pid);
        if (r == -ETIMEDOUT)
                finding_failed(ret, c->command, "There was no answer within %u seconds.", c->seconds);
        else if (r < 0)
                finding_failed(ret, c->command, "The check ended without a finding.");
        clean_text(ret->text);
        clean_command(ret->command);
}
