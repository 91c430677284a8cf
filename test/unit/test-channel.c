/* SPDX-License-Identifier: MIT */
#include "shared/channel.h"

#include <sys/socket.h>
#include <sys/un.h>

#include "test.h"

static void receive_all(int fd, int peer) {
        uint8_t buffer[8] = {};

        check_int(send(peer, "abc", 3, 0), 3);
        check_int(channel_receive(fd, sizeof(buffer), buffer), 3);
        check(memcmp(buffer, "abc", 4) == 0);
        check_int(send(peer, "12345678", 8, 0), 8);
        check_int(channel_receive(fd, sizeof(buffer), buffer), 8);
        check_int(send(peer, "123456789", 9, 0), 9);
        check_int(channel_receive(fd, sizeof(buffer), buffer), -EBADMSG);
        check_int(channel_receive(fd, sizeof(buffer), buffer), -ETIMEDOUT);
        (void) close(peer);
        check_int(channel_receive(fd, sizeof(buffer), buffer), -ECONNRESET);
}

static void test_pair(void) {
        int pair[2];

        check_int(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
        check_int(channel_open(pair[0], 1), pair[0]);
        receive_all(pair[0], pair[1]);
        (void) close(pair[0]);
}

static void test_listening(void) {
        struct sockaddr_un sa = { .sun_family = AF_UNIX };
        socklen_t size = sizeof(sa);
        int listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
        int peer = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

        /* An abstract name of the kernel's choice. */
        check_int(bind(listener, (const struct sockaddr *) &sa, sizeof(sa.sun_family)), 0);
        check_int(getsockname(listener, (struct sockaddr *) &sa, &size), 0);
        check_int(listen(listener, 1), 0);
        check_int(channel_open(listener, 1), -ETIMEDOUT);

        check_int(connect(peer, (const struct sockaddr *) &sa, size), 0);
        int fd = channel_open(listener, 1);
        check(fd >= 0 && fd != listener);
        receive_all(fd, peer);
        (void) close(fd);

        /* Who gave up before he was accepted is not waited for. */
        int gone = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0), next = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
        check_int(connect(gone, (const struct sockaddr *) &sa, size), 0);
        (void) close(gone);
        check_int(connect(next, (const struct sockaddr *) &sa, size), 0);
        fd = channel_open(listener, 1);
        check(fd >= 0);
        receive_all(fd, next);
        (void) close(fd);
        (void) close(listener);
}

static void test_no_channel(void) {
        int pair[2];

        check_int(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
        check_int(channel_open(pair[0], 1), -EPROTOTYPE);
        (void) close(pair[0]);
        (void) close(pair[1]);
        check_int(channel_open(pair[0], 1), -EBADF);
        check_int(pipe(pair), 0);
        check_int(channel_open(pair[0], 1), -ENOTSOCK);
        (void) close(pair[0]);
        (void) close(pair[1]);
}

int main(void) {
        test_pair();
        test_listening();
        test_no_channel();
        return EXIT_SUCCESS;
}
