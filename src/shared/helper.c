/* SPDX-License-Identifier: MIT */
#include "shared/helper.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "shared/helper-spawn.h"

#define QUEUE_MAX_DEFAULT 16U
#define HOW_MAX 160U
/* A child that closed its socket is about to exit; how it ends is worth waiting for, but not for ever. */
#define EXIT_WAIT_USEC (2U * 1000 * 1000)

typedef struct Packet {
        struct Packet *next;
        Bytes bytes;
} Packet;

/* A child outlives its Helper until it is reaped: the source of its pidfd owns this. */
typedef struct Child {
        Helper *helper; /* NULL: nobody asks any more */
        pid_t pid;
        int pidfd;      /* owned by the source */
        bool reaped;
} Child;

struct Helper {
        HelperCallbacks callbacks;
        void *userdata;
        sd_event_source *socket_source, *exit_timer;
        int fd;
        Child *child;
        sd_event_source *child_source;
        Packet *first, *last;
        size_t n_queued, max_queued;
        bool gone;
        int exit_status;
        char how[HOW_MAX];
        uint8_t *buffer; /* HELPER_MESSAGE_MAX */
};

int helper_program_path(const char *program, char **ret) {
        char self[4096], *slash;
        char *path;

        ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
        if (n > 0) {
                self[n] = 0;
                slash = strrchr(self, '/');
                if (slash)
                        *slash = 0;
                if (asprintf(&path, "%s/%s", self, program) < 0)
                        return -ENOMEM;
                if (access(path, X_OK) >= 0) {
                        *ret = path;
                        return 0;
                }
                free(path);
        }
        if (asprintf(&path, ATTEZT_LIBEXECDIR "/%s", program) < 0)
                return -ENOMEM;
        *ret = path;
        return 0;
}

static Packet *packet_free(Packet *p) {
        if (p)
                bytes_erase(&p->bytes); /* a job may hold a secret */
        free(p);
        return NULL;
}

static void drop_queue(Helper *h) {
        while (h->first) {
                Packet *p = h->first;
                h->first = p->next;
                (void) packet_free(p);
        }
        h->last = NULL;
        h->n_queued = 0;
}

/* --- The end --- */

/* Nothing of h is touched after the callback: it may free h. */
static void say_gone(Helper *h) {
        if (h->gone)
                return;
        h->gone = true;
        h->socket_source = sd_event_source_disable_unref(h->socket_source);
        h->exit_timer = sd_event_source_disable_unref(h->exit_timer);
        drop_queue(h);
        h->callbacks.gone(h, h->how, h->userdata);
}

static int on_exit_timer(sd_event_source *s, uint64_t usec, void *userdata) {
        say_gone(userdata);
        return 0;
}

static void end_with(Helper *h, const char *how) {
        (void) snprintf(h->how, sizeof(h->how), "%s", how);
        say_gone(h);
}

static void end_of_connection(Helper *h) {
        sd_event *event = sd_event_source_get_event(h->socket_source);

        if (h->child && !h->child->reaped &&
            sd_event_add_time_relative(event, &h->exit_timer, CLOCK_BOOTTIME, EXIT_WAIT_USEC, 0, on_exit_timer, h) >= 0) {
                h->socket_source = sd_event_source_disable_unref(h->socket_source);
                (void) snprintf(h->how, sizeof(h->how), "it closed the connection without an end");
        } else
                end_with(h, "it closed the connection");
}

static void describe_exit(Helper *h, const siginfo_t *si) {
        if (si->si_code == CLD_EXITED) {
                h->exit_status = si->si_status;
                (void) snprintf(h->how, sizeof(h->how), "it exited with status %i", si->si_status);
        } else
                (void) snprintf(h->how, sizeof(h->how), "it was killed by signal %s",
                                sigabbrev_np(si->si_status) ?: "?");
}

static int on_child(sd_event_source *s, int fd, uint32_t revents, void *userdata) {
        Child *c = userdata;
        siginfo_t si = {};

        if (waitid(P_PIDFD, (id_t) fd, &si, WEXITED | WNOHANG) >= 0 && si.si_pid == 0)
                return 0;
        c->reaped = true;
        (void) sd_event_source_set_enabled(s, SD_EVENT_OFF);
        if (!c->helper)
                /* The last reference; frees c once this returns. */
                return sd_event_source_set_floating(s, false);
        describe_exit(c->helper, &si);
        say_gone(c->helper);
        return 0;
}

static void child_destroy(void *userdata) {
        free(userdata);
}

/* --- Sending and receiving --- */

static int send_now(Helper *h, ByteView packet) {
        return send(h->fd, packet.data, packet.size, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ? -errno : 0;
}

static void flush_queue(Helper *h) {
        while (h->first) {
                Packet *p = h->first;
                if (send_now(h, bytes_view(&p->bytes)) == -EAGAIN)
                        return;
                /* Any other failure shows as the end of the connection. */
                h->first = p->next;
                if (!h->first)
                        h->last = NULL;
                h->n_queued--;
                (void) packet_free(p);
        }
        (void) sd_event_source_set_io_events(h->socket_source, EPOLLIN);
}

static void receive(Helper *h) {
        struct iovec iov = { .iov_base = h->buffer, .iov_len = HELPER_MESSAGE_MAX };
        struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

        ssize_t n = recvmsg(h->fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return;
        if (n <= 0)
                end_of_connection(h);
        else if (msg.msg_flags & MSG_TRUNC)
                end_with(h, "it sent a message that is too long");
        else
                h->callbacks.message(h, VIEW(h->buffer, n), h->userdata);
}

/* One message per turn: the callback comes last and may free h. */
static int on_socket(sd_event_source *s, int fd, uint32_t revents, void *userdata) {
        Helper *h = userdata;

        if (revents & EPOLLOUT)
                flush_queue(h);
        if (revents & (EPOLLIN | EPOLLHUP | EPOLLERR))
                receive(h);
        return 0;
}

static int enqueue(Helper *h, ByteView packet) {
        Packet *p;

        if (h->n_queued >= h->max_queued)
                return -ENOBUFS;
        p = calloc(1, sizeof(*p));
        if (!p)
                return -ENOMEM;
        if (bytes_copy(packet, &p->bytes) < 0 ||
            sd_event_source_set_io_events(h->socket_source, EPOLLIN | EPOLLOUT) < 0) {
                (void) packet_free(p);
                return -ENOMEM;
        }
        if (h->last)
                h->last->next = p;
        else
                h->first = p;
        h->last = p;
        h->n_queued++;
        return 0;
}

int helper_send(Helper *h, ByteView packet) {
        int r;

        if (packet.size == 0 || packet.size > HELPER_MESSAGE_MAX)
                return -EMSGSIZE;
        if (!h->socket_source)
                return -EPIPE;
        if (h->first)
                return enqueue(h, packet);
        r = send_now(h, packet);
        return r == -EAGAIN ? enqueue(h, packet) : r;
}

void helper_set_queue(Helper *h, size_t max_queued) {
        h->max_queued = max_queued;
}

int helper_exit_status(const Helper *h) {
        return h->exit_status;
}

pid_t helper_pid(const Helper *h) {
        return h->child ? h->child->pid : 0;
}

/* --- The beginning --- */

Helper *helper_free(Helper *h) {
        if (!h)
                return NULL;
        (void) sd_event_source_disable_unref(h->socket_source);
        (void) sd_event_source_disable_unref(h->exit_timer);
        drop_queue(h);
        if (h->child) {
                h->child->helper = NULL;
                if (!h->child->reaped) {
                        (void) pidfd_send_signal(h->child->pidfd, SIGTERM, NULL, 0);
                        (void) sd_event_source_set_floating(h->child_source, true);
                }
                (void) sd_event_source_unref(h->child_source);
        }
        if (h->fd >= 0)
                (void) close(h->fd);
        free(h->buffer);
        free(h);
        return NULL;
}
DEFINE_TRIVIAL_CLEANUP_FUNC(Helper *, helper_free)

int helper_attach(int fd, sd_event *event, const HelperCallbacks *cb, void *userdata, Helper **ret) {
        _cleanup_(helper_freep) Helper *h = calloc(1, sizeof(*h));
        int r;

        if (!h) {
                (void) close(fd);
                return -ENOMEM;
        }
        *h = (Helper) { .callbacks = *cb, .userdata = userdata, .fd = fd, .max_queued = QUEUE_MAX_DEFAULT,
                         .exit_status = -1 };
        h->buffer = malloc(HELPER_MESSAGE_MAX);
        if (!h->buffer)
                return -ENOMEM;
        r = sd_event_add_io(event, &h->socket_source, fd, EPOLLIN, on_socket, h);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(h);
        return 0;
}

int helper_connect(const char *socket_path, sd_event *event, const HelperCallbacks *cb, void *userdata, Helper **ret) {
        struct sockaddr_un sa = { .sun_family = AF_UNIX };
        _cleanup_close_ int fd = -EBADF;

        if (strlen(socket_path) >= sizeof(sa.sun_path))
                return -ENAMETOOLONG;
        strcpy(sa.sun_path, socket_path);
        fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0)
                return -errno;
        if (connect(fd, (const struct sockaddr *) &sa, sizeof(sa)) < 0)
                return -errno;
        return helper_attach(TAKE_FD(fd), event, cb, userdata, ret);
}

/* The pidfd comes after the socket: what a child said before its end is heard before its end. */
static int watch_child(Helper *h, sd_event *event, pid_t pid, int pidfd) {
        int r;

        h->child = calloc(1, sizeof(*h->child));
        if (!h->child)
                return -ENOMEM;
        *h->child = (Child) { .helper = h, .pid = pid, .pidfd = pidfd };
        r = sd_event_add_io(event, &h->child_source, pidfd, EPOLLIN, on_child, h->child);
        if (r < 0) {
                free(h->child);
                h->child = NULL;
                return r;
        }
        (void) sd_event_source_set_destroy_callback(h->child_source, child_destroy);
        (void) sd_event_source_set_priority(h->child_source, SD_EVENT_PRIORITY_NORMAL + 10);
        (void) sd_event_source_set_io_fd_own(h->child_source, true);
        return 0;
}

int helper_spawn(char *const argv[], const int *keep_fds, size_t n_keep_fds, sd_event *event,
                 const HelperCallbacks *cb, void *userdata, Helper **ret) {
        _cleanup_(helper_freep) Helper *h = NULL;
        _cleanup_close_ int theirs = -EBADF;
        int pair[2], fds[1 + HELPER_KEEP_FDS_MAX], pidfd, r;
        pid_t pid;

        if (n_keep_fds > HELPER_KEEP_FDS_MAX)
                return -E2BIG;
        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
                return -errno;
        theirs = pair[1];
        r = helper_attach(pair[0], event, cb, userdata, &h);
        if (r < 0)
                return r;

        fds[0] = theirs;
        for (size_t i = 0; i < n_keep_fds; i++)
                fds[1 + i] = keep_fds[i];
        r = spawn_with_fds(argv, fds, 1 + n_keep_fds, &pid, &pidfd);
        if (r < 0)
                return r;
        r = watch_child(h, event, pid, pidfd);
        if (r < 0) {
                (void) pidfd_send_signal(pidfd, SIGKILL, NULL, 0);
                (void) waitid(P_PIDFD, (id_t) pidfd, NULL, WEXITED);
                (void) close(pidfd);
                return r;
        }
        *ret = TAKE_PTR(h);
        return 0;
}
