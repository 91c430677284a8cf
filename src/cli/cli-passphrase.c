/* SPDX-License-Identifier: MIT */
#include "cli/cli-passphrase.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/signalfd.h>
#include <termios.h>

#include "shared/files.h"

void passphrase_done(Passphrase *p) {
        bytes_erase(&p->text);
}

/* The first line. */
static int take_line(Bytes *b) {
        if (!b->data)
                return -ENODATA;
        size_t n = strcspn((const char *) b->data, "\r\n");
        explicit_bzero(b->data + n, b->size - n);
        b->size = n;
        return n > 0 ? 0 : -ENODATA;
}

/* Ctrl-C and its like take effect when the terminal is as it was. */
static const int held_signals[] = { SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGTSTP };

/* -EINTR: one of them is waiting. */
static int wait_for_line(int tty, int signals) {
        struct pollfd p[] = { { .fd = tty, .events = POLLIN }, { .fd = signals, .events = POLLIN } };

        while (poll(p, ELEMENTSOF(p), -1) < 0)
                if (errno != EINTR)
                        return -errno;
        return p[1].revents ? -EINTR : 0;
}

static int ask_line(int tty, int signals, const char *what, const char *again, Bytes *ret) {
        char line[PASSPHRASE_FILE_MAX];
        ssize_t n = 0;

        dprintf(tty, "%s%s: ", what, again);
        int r = wait_for_line(tty, signals);
        if (r >= 0 && (n = read(tty, line, sizeof(line) - 1)) < 0)
                r = -errno;
        dprintf(tty, "\n");
        if (r >= 0)
                r = bytes_copy(VIEW(line, n), ret);
        explicit_bzero(line, sizeof(line));
        return r < 0 ? r : take_line(ret);
}

/* Without an echo, and put back as it was. */
static int ask_quietly(int tty, int signals, const char *what, bool new, Bytes *ret) {
        _cleanup_bytes_erase_ Bytes first = BYTES_NULL, second = BYTES_NULL;
        struct termios before, quiet;

        if (tcgetattr(tty, &before) < 0)
                return -ENXIO;
        quiet = before;
        quiet.c_lflag &= ~(tcflag_t) ECHO;
        if (tcsetattr(tty, TCSAFLUSH, &quiet) < 0)
                return -errno;
        int r = ask_line(tty, signals, what, "", &first);
        if (r >= 0 && new)
                r = ask_line(tty, signals, what, ", again", &second);
        (void) tcsetattr(tty, TCSAFLUSH, &before);
        if (r < 0)
                return r;
        if (new && !view_equal(bytes_view(&first), bytes_view(&second)))
                return -EKEYREJECTED;
        *ret = TAKE_BYTES(first);
        return 0;
}

static int ask(const char *what, bool new, Bytes *ret) {
        _cleanup_close_ int tty = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY), signals = -EBADF;
        sigset_t held, before;
        int r;

        if (tty < 0)
                return -ENXIO;
        (void) sigemptyset(&held);
        for (size_t i = 0; i < ELEMENTSOF(held_signals); i++)
                (void) sigaddset(&held, held_signals[i]);
        signals = signalfd(-1, &held, SFD_CLOEXEC);
        if (signals < 0)
                return -errno;
        do {
                if (sigprocmask(SIG_BLOCK, &held, &before) < 0)
                        return -errno;
                r = ask_quietly(tty, signals, what, new, ret);
                (void) sigprocmask(SIG_SETMASK, &before, NULL);
        } while (r == -EINTR); /* stopped, and now continued; or the signal is ignored */
        return r;
}

static int read_fd(const char *text, Bytes *ret) {
        char *end;

        errno = 0;
        long fd = strtol(text, &end, 10);
        if (errno != 0 || end == text || *end || fd < 0 || fd > INT32_MAX)
                return -EBADF;
        return fd_read((int) fd, PASSPHRASE_FILE_MAX, ret);
}

int passphrase_get(const Cli *c, Passphrase *p, const char *what, bool new) {
        int r;

        if (p->file && p->fd)
                cli_usage(c, "Either --passphrase-file or --passphrase-fd.");
        if (p->file || p->fd) {
                r = p->file ? file_read(p->file, PASSPHRASE_FILE_MAX, &p->text) : read_fd(p->fd, &p->text);
                if (r >= 0)
                        r = take_line(&p->text);
        } else
                r = ask(what, new, &p->text);
        if (r == -ENXIO) {
                log_error("There is no terminal to ask for a passphrase: say --passphrase-file FILE.");
                return EXIT_FAILURE;
        }
        if (r == -EKEYREJECTED) {
                log_error("These were two different passphrases.");
                return EXIT_FAILURE;
        }
        if (r == -ENODATA) {
                log_error("No passphrase was given.");
                return EXIT_FAILURE;
        }
        if (r < 0)
                return cli_failed(r, "read the passphrase");
        if (new && p->text.size < PASSPHRASE_MIN) {
                log_error("A passphrase wants %u characters at least.", PASSPHRASE_MIN);
                return EXIT_FAILURE;
        }
        return EXIT_SUCCESS;
}
