/* SPDX-License-Identifier: MIT */
#include "cli/doctor-exec.h"

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <sys/wait.h>

#include "shared/bytes.h"
#include "shared/helper.h"
#include "shared/names.h"

#define EXIT_EXEC 127

static _Noreturn void become(const struct passwd *u, char *const argv[], int errors) {
        _cleanup_close_ int null = open("/dev/null", O_RDWR | O_CLOEXEC);

        if (null >= 0 && dup2(null, STDIN_FILENO) >= 0 && dup2(null, STDOUT_FILENO) >= 0 &&
            dup2(errors, STDERR_FILENO) >= 0 &&
            (!u || (initgroups(u->pw_name, u->pw_gid) >= 0 && setresgid(u->pw_gid, u->pw_gid, u->pw_gid) >= 0 &&
                    setresuid(u->pw_uid, u->pw_uid, u->pw_uid) >= 0)))
                (void) execv(argv[0], argv);
        _exit(EXIT_EXEC);
}

/* What is beyond the buffer is read and forgotten, so that the program can end. */
static void read_text(int fd, char ret[static DOCTOR_OUTPUT_MAX]) {
        size_t n = 0, last = DOCTOR_OUTPUT_MAX - 1;
        ssize_t k;

        while ((k = read(fd, ret + n, last - n)) > 0)
                n = n + (size_t) k < last ? n + (size_t) k : last / 2;
        while (n > 0 && ret[n - 1] == '\n')
                n--;
        ret[n] = 0;
}

char *doctor_daemon(const char *program) {
        char *path = NULL;

        if (helper_program_path(program, &path) < 0)
                return NULL;
        if (access(path, X_OK) >= 0)
                return path;
        free(path);
        return asprintf(&path, ATTEZT_SBINDIR "/%s", program) < 0 ? NULL : path;
}

int doctor_exec(const char *user, char *const argv[], char ret_text[static DOCTOR_OUTPUT_MAX]) {
        const struct passwd *u = user ? getpwnam(user) : NULL;
        int fds[2], status;

        if (user && !u)
                return -ESRCH;
        if (user && geteuid() != 0)
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
        read_text(reading, ret_text);
        if (waitpid(pid, &status, 0) < 0)
                return -errno;
        return WIFEXITED(status) && WEXITSTATUS(status) != EXIT_EXEC ? WEXITSTATUS(status) : -EIO;
}
