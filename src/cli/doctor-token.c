/* SPDX-License-Identifier: MIT */
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "cli/doctor.h"
#include "protocol/p11-module.h"
#include "shared/files.h"

#define ANSWER_MSEC 3000
#define RESTART "systemctl stop attezt-agent.service; systemctl restart attezt-agent.socket"
#define MODULES_DIR "/etc/pkcs11/modules"
#define MODULE_FILE "p11-kit/modules/attezt.module"
#define MODULE_ADDRESS "unix:path=" ATTEZT_P11KIT_SOCKET

/* --- Can everyone reach the socket? --- */

/* Every directory on the way must let others through. */
static bool way_is_open(char *path, Finding *f) {
        struct stat st;

        for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
                *slash = 0;
                bool open = stat(path, &st) < 0 || (st.st_mode & 0001);
                if (!open) {
                        finding_failed(f, NULL, "Only some users come through %s, whose mode is %04o: other programs "
                                       "do not see the token.", path, st.st_mode & 07777U);
                        finding_command(f, "chmod 0755 %s", path);
                }
                *slash = '/';
                if (!open)
                        return false;
        }
        return true;
}

void look_token_access(const Host *h, Finding *f) {
        char path[] = ATTEZT_P11KIT_SOCKET;
        struct stat st;

        if (!way_is_open(path, f))
                return;
        if (stat(path, &st) < 0)
                finding_failed(f, errno == EACCES ? "chmod 0755 /run/attezt" : RESTART,
                               "There is no PKCS#11 socket at %s: %s.", path, strerror(errno));
        else if (!S_ISSOCK(st.st_mode))
                finding_failed(f, "rm " ATTEZT_P11KIT_SOCKET " && " RESTART, "%s is no socket.", path);
        else if ((st.st_mode & 0006) != 0006)
                finding_failed(f, "chmod 0666 " ATTEZT_P11KIT_SOCKET, "Only some users may use %s, whose mode is "
                               "%04o; the agent itself decides who sees the token.", path, st.st_mode & 07777U);
        else
                finding_ok(f, "All programs can reach %s.", path);
}

/* --- Does it answer? --- */

static int connect_socket(void) {
        const struct sockaddr_un sa = { .sun_family = AF_UNIX, .sun_path = ATTEZT_P11KIT_SOCKET };
        const struct timeval limit = { .tv_sec = ANSWER_MSEC / 1000 };

        _cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) < 0 ||
            connect(fd, (const struct sockaddr *) &sa, sizeof(sa)) < 0)
                return errno == EAGAIN ? -ETIMEDOUT : -errno; /* its queue of connections is full */
        return TAKE_FD(fd);
}

/* What every client sends first, the highest version that it speaks, is answered with a byte. */
static int exchange_versions(int fd) {
        struct pollfd p = { .fd = fd, .events = POLLIN };
        uint8_t version = 0;

        if (send(fd, &version, 1, MSG_NOSIGNAL) != 1)
                return -ECONNRESET;
        int n = poll(&p, 1, ANSWER_MSEC);
        if (n <= 0)
                return n < 0 ? -errno : -ETIMEDOUT;
        return recv(fd, &version, 1, 0) == 1 ? 0 : -ECONNRESET;
}

void look_token_answer(const Host *h, Finding *f) {
        int r = connect_socket();
        _cleanup_close_ int fd = r;

        if (r >= 0)
                r = exchange_versions(fd);
        if (r == -ECONNREFUSED)
                finding_failed(f, RESTART, "Nobody listens on " ATTEZT_P11KIT_SOCKET " any more.");
        else if (r == -ETIMEDOUT)
                finding_failed(f, RESTART, "The PKCS#11 socket accepts and does not answer: every program that uses "
                               "p11-kit hangs on this machine.");
        else if (r == -ECONNRESET)
                finding_failed(f, RESTART, "The PKCS#11 socket closes connections without an answer.");
        else if (r < 0)
                finding_failed(f, RESTART, "The PKCS#11 socket cannot be used: %s.", strerror(-r));
        else
                finding_ok(f, "The PKCS#11 socket answers.");
}

/* --- Do other programs know it? --- */

/* A file of the administrator's goes before the package's, key by key. */
static const char *const module_files[] = {
        MODULES_DIR "/attezt.module",
        ATTEZT_DATADIR "/" MODULE_FILE,
        "/usr/share/" MODULE_FILE,
};

/* -ENOENT: no file has it. ret_path: the file that has the last word, or is wrong. */
static int module_get(const char *key, const char **ret_path, char **ret) {
        int r = -ENOENT;

        for (size_t i = 0; i < ELEMENTSOF(module_files) && r == -ENOENT; i++) {
                _cleanup_bytes_ Bytes text = BYTES_NULL;
                r = file_read(module_files[i], P11_MODULE_FILE_MAX, &text);
                if (r != -ENOENT)
                        *ret_path = module_files[i];
                if (r >= 0)
                        r = p11_module_get(bytes_view(&text), key, ret);
        }
        return r;
}

void look_token_module(const Host *h, Finding *f) {
        _cleanup_free_ char *remote = NULL, *disabled = NULL;
        static const char write_it[] = "mkdir -p " MODULES_DIR " && printf 'remote: " MODULE_ADDRESS
                                       "\\n' >" MODULES_DIR "/attezt.module";
        const char *path = "attezt.module", *other;

        int r = module_get("remote", &path, &remote);
        if (r == -ENOENT)
                finding_failed(f, write_it, "p11-kit does not know the token: no module file has it (%s).", path);
        else if (r == -EACCES) {
                finding_failed(f, NULL, "Other users cannot read the module file %s.", path);
                finding_command(f, "chmod 0644 %s", path);
        } else if (r < 0)
                finding_failed(f, write_it, "p11-kit ignores the module file %s: %s.", path,
                               r == -EBADMSG ? "a line in it is not \"key: value\"" : strerror(-r));
        else if (strcmp(remote, MODULE_ADDRESS) != 0)
                finding_failed(f, write_it, "The module file %s points elsewhere than the agent's socket: %s.", path,
                               remote);
        else if (module_get("disable-in", &other, &disabled) >= 0 || module_get("enable-in", &other, &disabled) >= 0)
                finding_warning(f, "editor /etc/pkcs11/modules/attezt.module",
                                "The module file %s hides the token from some programs: %s.", other, disabled);
        else
                finding_ok(f, "p11-kit knows the token by %s.", path);
}
