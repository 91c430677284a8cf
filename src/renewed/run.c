/* SPDX-License-Identifier: MIT */
#include "renewed/run.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/pidfd.h>
#include <sys/wait.h>

static int spawn(char *const argv[], char *const envp[], pid_t *ret) {
        posix_spawn_file_actions_t actions;
        posix_spawnattr_t attributes;
        sigset_t none;
        int r;

        r = posix_spawn_file_actions_init(&actions);
        if (r != 0)
                return -r;
        r = posix_spawnattr_init(&attributes);
        if (r != 0) {
                (void) posix_spawn_file_actions_destroy(&actions);
                return -r;
        }
        (void) sigemptyset(&none);
        if ((r = posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)) == 0 &&
            (r = posix_spawnattr_setsigmask(&attributes, &none)) == 0 &&
            (r = posix_spawnattr_setpgroup(&attributes, 0)) == 0 &&
            (r = posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK)) == 0)
                r = posix_spawnp(ret, argv[0], &actions, &attributes, argv, envp);
        (void) posix_spawnattr_destroy(&attributes);
        (void) posix_spawn_file_actions_destroy(&actions);
        return -r;
}

/* 1: it has ended, 0: not in time. */
static int wait_for_end(pid_t pid, unsigned limit_sec) {
        _cleanup_close_ int fd = pidfd_open(pid, 0);
        struct pollfd p = { .fd = fd, .events = POLLIN };

        if (fd < 0)
                return -errno;
        int n = poll(&p, 1, (int) (limit_sec * 1000U));
        return n < 0 ? -errno : n > 0;
}

int run_command(char *const argv[], char *const envp[], unsigned limit_sec) {
        int status = 0, r;
        pid_t pid = 0;

        r = spawn(argv, envp, &pid);
        if (r < 0)
                return r;
        r = wait_for_end(pid, limit_sec);
        if (r <= 0)
                (void) kill(-pid, SIGKILL);
        if (waitpid(pid, &status, 0) < 0)
                return -errno;
        if (r <= 0)
                return r < 0 ? r : -ETIMEDOUT;
        return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
