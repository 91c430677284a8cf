/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "cli/cli.h"

#define PASSWORD_AGENT_START_MSEC 5000

static void run_agent(int notify_fd, pid_t parent) {
        char number[16];

        /* Gone with us, however we end. */
        if (prctl(PR_SET_PDEATHSIG, SIGTERM) < 0 || getppid() != parent || fcntl(notify_fd, F_SETFD, 0) < 0)
                _exit(EXIT_FAILURE);
        (void) snprintf(number, sizeof(number), "%d", notify_fd);
        /* --fallback: an agent of the session, if there is one, goes first. */
        (void) execlp("pkttyagent", "pkttyagent", "--notify-fd", number, "--fallback", (char *) NULL);
        _exit(EXIT_FAILURE);
}

void cli_password_agent_open(Cli *c) {
        int fds[2];

        if (c->password_agent > 0 || geteuid() == 0 || !isatty(STDIN_FILENO) || !isatty(STDERR_FILENO))
                return;
        if (pipe2(fds, O_CLOEXEC) < 0)
                return;

        pid_t parent = getpid(), pid = fork();
        if (pid == 0)
                run_agent(fds[1], parent);
        (void) close(fds[1]);
        if (pid > 0) {
                /* pkttyagent closes its end when it is registered; so does its death. */
                struct pollfd p = { .fd = fds[0], .events = POLLIN };
                (void) poll(&p, 1, PASSWORD_AGENT_START_MSEC);
                c->password_agent = pid;
        }
        (void) close(fds[0]);
}

void cli_password_agent_close(Cli *c) {
        if (c->password_agent <= 0)
                return;
        (void) kill(c->password_agent, SIGTERM);
        (void) kill(c->password_agent, SIGCONT);
        (void) waitpid(c->password_agent, NULL, 0);
        c->password_agent = 0;
}
