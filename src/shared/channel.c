/* SPDX-License-Identifier: MIT */
#include "shared/channel.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>

static int get_option(int fd, int option) {
        int value = 0;
        socklen_t size = sizeof(value);

        return getsockopt(fd, SOL_SOCKET, option, &value, &size) < 0 ? -errno : value;
}

static int limit_wait(int fd, unsigned seconds) {
        struct timeval wait = { .tv_sec = (time_t) seconds };

        return setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait)) < 0 ? -errno : 0;
}

/* Whoever connected gave up while he waited to be accepted. */
static bool has_ended(int fd) {
        struct pollfd p = { .fd = fd, .events = POLLRDHUP };

        return poll(&p, 1, 0) > 0 && p.revents & (POLLRDHUP | POLLHUP | POLLERR);
}

int channel_open(int fd, unsigned wait_seconds) {
        int r;

        r = get_option(fd, SO_TYPE);
        if (r < 0)
                return r;
        if (r != SOCK_SEQPACKET)
                return -EPROTOTYPE;
        int listening = get_option(fd, SO_ACCEPTCONN);
        if (listening < 0)
                return listening;
        r = limit_wait(fd, wait_seconds); /* for a connection, too: whoever it was may be gone */
        if (r < 0 || !listening)
                return r < 0 ? r : fd;

        for (;;) {
                _cleanup_close_ int connection = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
                if (connection < 0)
                        return errno == EAGAIN ? -ETIMEDOUT : -errno;
                if (has_ended(connection))
                        continue;
                r = limit_wait(connection, wait_seconds);
                return r < 0 ? r : TAKE_FD(connection);
        }
}

int channel_receive(int fd, size_t max, uint8_t *ret) {
        struct iovec iov = { .iov_base = ret, .iov_len = max };
        struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1 };

        ssize_t n = recvmsg(fd, &message, MSG_CMSG_CLOEXEC);
        if (n < 0)
                return errno == EAGAIN ? -ETIMEDOUT : -errno;
        if (n == 0)
                return -ECONNRESET;
        return message.msg_flags & MSG_TRUNC ? -EBADMSG : (int) n;
}
