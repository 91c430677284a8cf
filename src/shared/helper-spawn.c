/* SPDX-License-Identifier: MIT */
#include "shared/helper-spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "shared/cleanup.h"

#define FIRST_FD 3
#define SPARE_FD 64 /* above all that a child may get: numbers from here on do not collide with the new ones */

/* What systemd told us is not for our children. */
static const char *const own_variables[] = {
        "LISTEN_FDS", "LISTEN_FDNAMES", "LISTEN_PID", "NOTIFY_SOCKET", "WATCHDOG_PID", "WATCHDOG_USEC",
};

static int arrange_fds(const int *fds, size_t n_fds) {
        int spare[HELPER_KEEP_FDS_MAX + 1];

        for (size_t i = 0; i < n_fds; i++) {
                spare[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, SPARE_FD);
                if (spare[i] < 0)
                        return -errno;
        }
        for (size_t i = 0; i < n_fds; i++)
                if (dup2(spare[i], FIRST_FD + (int) i) < 0)
                        return -errno;
        if (close_range(FIRST_FD + (unsigned) n_fds, ~0U, CLOSE_RANGE_CLOEXEC) < 0)
                return -errno;
        return 0;
}

static void reset_signals(void) {
        sigset_t none;

        for (int sig = 1; sig < NSIG; sig++)
                (void) signal(sig, SIG_DFL);
        (void) sigemptyset(&none);
        (void) sigprocmask(SIG_SETMASK, &none, NULL);
}

static int run_child(char *const argv[], const int *fds, size_t n_fds, pid_t parent) {
        int r;

        reset_signals();
        if (prctl(PR_SET_PDEATHSIG, SIGTERM) < 0)
                return -errno;
        if (getppid() != parent)
                return -ESRCH; /* died before that took effect */
        for (size_t i = 0; i < ELEMENTSOF(own_variables); i++)
                (void) unsetenv(own_variables[i]);
        r = arrange_fds(fds, n_fds);
        if (r < 0)
                return r;
        (void) execv(argv[0], argv);
        return -errno;
}

int spawn_with_fds(char *const argv[], const int *fds, size_t n_fds, pid_t *ret_pid, int *ret_pidfd) {
        _cleanup_close_ int pidfd = -EBADF, report_in = -EBADF;
        int report[2], r = 0;
        pid_t parent = getpid();

        if (n_fds > HELPER_KEEP_FDS_MAX + 1)
                return -E2BIG;
        if (pipe2(report, O_CLOEXEC) < 0)
                return -errno;
        report_in = report[0];

        pid_t pid = fork();
        if (pid < 0) {
                r = -errno;
                (void) close(report[1]);
                return r;
        }
        if (pid == 0) {
                /* Out of the way of the numbers to come. */
                int out = fcntl(report[1], F_DUPFD_CLOEXEC, SPARE_FD);
                r = out < 0 ? -errno : run_child(argv, fds, n_fds, parent);
                (void) !write(out, &r, sizeof(r));
                _exit(127);
        }
        (void) close(report[1]);

        /* End of file: the exec closed it. */
        ssize_t n;
        do
                n = read(report_in, &r, sizeof(r));
        while (n < 0 && errno == EINTR);
        if (n <= 0) {
                pidfd = pidfd_open(pid, 0);
                r = pidfd < 0 ? -errno : 0;
                if (pidfd < 0)
                        (void) kill(pid, SIGKILL);
        }
        if (r < 0) {
                (void) waitpid(pid, NULL, 0);
                return r;
        }
        *ret_pid = pid;
        *ret_pidfd = TAKE_FD(pidfd);
        return 0;
}
