/* SPDX-License-Identifier: MIT */
#include "cli/doctor-exec.h"

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <sys/wait.h>

#include "shared/bytes.h"

#define OUTPUT_MAX 16384U
#define EXIT_EXEC 127

static _Noreturn void become(const struct passwd *u, char *const argv[], int errors) {
        _cleanup_close_ int null = open("/dev/null", O_RDWR | O_CLOEXEC);

        if (null >= 0 && dup2(null, STDIN_FILENO) >= 0 && dup2(null, STDOUT_FILENO) >= 0 &&
            dup2(errors, STDERR_FILENO) >= 0 && initgroups(u->pw_name, u->pw_gid) >= 0 &&
            setresgid(u->pw_gid, u->pw_gid, u->pw_gid) >= 0 && setresuid(u->pw_uid, u->pw_uid, u->pw_uid) >= 0)
                (void) execv(argv[0], argv);
        _exit(EXIT_EXEC);
}

/* What is beyond the buffer is read and forgotten, so that the program can end. */
static void read_last_line(int fd, char *ret, size_t size) {
        char buffer[OUTPUT_MAX];
        size_t n = 0;
        ssize_t k;

        while ((k = read(fd, buffer + n, sizeof(buffer) - 1 - n)) > 0)
                n = n + (size_t) k < sizeof(buffer) - 1 ? n + (size_t) k : sizeof(buffer) / 2;
        while (n > 0 && buffer[n - 1] == '\n')
                n--;
        buffer[n] = 0;
        const char *line = strrchr(buffer, '\n');
        (void) snprintf(ret, size, "%s", line ? line + 1 : buffer);
}

int doctor_exec(const char *user, char *const argv[], char *ret_text, size_t size) {
        const struct passwd *u = getpwnam(user);
        int fds[2], status;

        if (!u)
                return -ESRCH;
        if (geteuid() != 0)
                return -EPERM;
        if (pipe2(fds, O_CLOEXEC) < 0)
                return -errno;
        _cleanup_close_ int reading = fds[0], writing = fds[1];
        pid_t pid = fork();
        if (pid < 0)
                return -errno;
        if (pid == 0)
                become(u, argv, writing);
        (void) close(TAKE_FD(writing));
        read_last_line(reading, ret_text, size);
        if (waitpid(pid, &status, 0) < 0)
                return -errno;
        return WIFEXITED(status) && WEXITSTATUS(status) != EXIT_EXEC ? WEXITSTATUS(status) : -EIO;
}
