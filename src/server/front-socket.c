/* SPDX-License-Identifier: MIT */
#include "server/front-socket.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include "shared/log.h"

typedef struct Packet {
        struct Packet *next;
        size_t size;
        uint8_t data[];
} Packet;

typedef struct Front {
        Fronts *fronts;
        struct Front *next;
        uint64_t number;
        sd_event_source *source; /* owns the descriptor */
        int fd;
        unsigned open;           /* requests without an answer */
        Packet *first, *last;
        unsigned n_queued;
} Front;

struct Fronts {
        sd_event *event;
        uid_t front_uid;
        FrontReceived received;
        void *userdata;
        sd_event_source *listener;
        Front *list;
        unsigned n;
        uint64_t last_number;
        bool stopped;
};

static void front_free(Front *front) {
        Fronts *f = front->fronts;

        for (Front **p = &f->list; *p; p = &(*p)->next)
                if (*p == front) {
                        *p = front->next;
                        f->n--;
                        break;
                }
        while (front->first) {
                Packet *p = front->first;
                front->first = p->next;
                free(p);
        }
        sd_event_source_disable_unref(front->source);
        free(front);
        /* It may have been switched off for want of descriptors. */
        if (f->listener && !f->stopped)
                (void) sd_event_source_set_enabled(f->listener, SD_EVENT_ON);
}

static void front_close(Front *front, const char *why) {
        log_info("Front %llu is gone: %s.", (unsigned long long) front->number, why);
        front_free(front);
}

static void watch(Front *front) {
        bool read = !front->fronts->stopped && front->open + front->n_queued < FRONT_OPEN_MAX;

        (void) sd_event_source_set_io_events(front->source, (read ? EPOLLIN : 0U) | (front->first ? EPOLLOUT : 0U));
}

/* --- Sending. A failure is left for the loop to find: the socket then reads as hung up. --- */

static void give_up(Front *front) {
        (void) shutdown(front->fd, SHUT_RDWR);
}

/* Returns false when the socket is full. */
static bool send_now(Front *front, const uint8_t *data, size_t size) {
        if (send(front->fd, data, size, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
                return true;
        if (errno == EAGAIN)
                return false;
        give_up(front);
        return true;
}

static void enqueue(Front *front, const uint8_t *data, size_t size) {
        Packet *p = malloc(sizeof(*p) + size);
        if (!p) {
                give_up(front);
                return;
        }
        p->next = NULL;
        p->size = size;
        memcpy(p->data, data, size);
        if (front->last)
                front->last->next = p;
        else
                front->first = p;
        front->last = p;
        front->n_queued++;
}

static void front_send(Front *front, const FrontMessage *m) {
        uint8_t data[FRONT_MESSAGE_MAX];

        int n = front_message_encode(m, data);
        if (n < 0)
                give_up(front);
        else if (front->first || !send_now(front, data, (size_t) n))
                enqueue(front, data, (size_t) n);
        explicit_bzero(data, sizeof(data)); /* a credential is as good as its secret to whoever has the TPM */
        watch(front);
}

static void flush(Front *front) {
        while (front->first) {
                Packet *p = front->first;
                if (!send_now(front, p->data, p->size))
                        return;
                front->first = p->next;
                if (!front->first)
                        front->last = NULL;
                front->n_queued--;
                explicit_bzero(p->data, p->size);
                free(p);
        }
}

/* --- Receiving --- */

/* One packet. Returns 0 when there is none, -1 when the front is closed. */
static int receive(Front *front) {
        uint8_t data[FRONT_MESSAGE_MAX];
        struct iovec iov = { .iov_base = data, .iov_len = sizeof(data) };
        struct msghdr h = { .msg_iov = &iov, .msg_iovlen = 1 };
        FrontMessage m;

        /* No room for control messages: descriptors that a front sends along are closed by the kernel. */
        ssize_t n = recvmsg(front->fd, &h, MSG_DONTWAIT);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return 0;
        const char *why = NULL;
        if (n < 0)
                why = "its socket failed";
        else if (n == 0)
                why = "it closed the connection";
        else if (h.msg_flags & MSG_TRUNC)
                why = "a message was too long";
        else if (front_message_decode(VIEW(data, n), &m) < 0)
                why = "a message was malformed";
        else if (m.type != FRONT_ATTEST && m.type != FRONT_SECRET && m.type != FRONT_NAME)
                why = "a message was not a request";
        else {
                front->open++;
                front->fronts->received(front->number, &m, front->fronts->userdata);
                explicit_bzero(&m, sizeof(m));
        }
        explicit_bzero(data, sizeof(data));
        if (why)
                front_close(front, why);
        return why ? -1 : 1;
}

static int on_front(sd_event_source *s, int fd, uint32_t revents, void *userdata) {
        Front *front = userdata;

        if (revents & EPOLLOUT)
                flush(front);
        if (revents & EPOLLIN)
                for (unsigned i = 0; i < FRONT_READS_PER_TURN && front->open + front->n_queued < FRONT_OPEN_MAX; i++) {
                        int r = receive(front);
                        if (r < 0)
                                return 0;
                        if (r == 0)
                                break;
                }
        /* With EPOLLIN the end is read as a packet of no length, after what came before it. */
        if ((revents & (EPOLLHUP | EPOLLERR)) && !(revents & EPOLLIN)) {
                front_close(front, "it closed the connection");
                return 0;
        }
        watch(front);
        return 0;
}

/* --- Connections --- */

int fronts_add(Fronts *f, int fd_taken) {
        _cleanup_close_ int fd = fd_taken;

        if (f->n >= FRONTS_MAX || f->stopped)
                return -EBUSY;
        Front *front = calloc(1, sizeof(*front));
        if (!front)
                return -ENOMEM;
        *front = (Front) { .fronts = f, .fd = fd, .number = ++f->last_number };
        int r = sd_event_add_io(f->event, &front->source, fd, EPOLLIN, on_front, front);
        if (r < 0) {
                free(front);
                return r;
        }
        (void) sd_event_source_set_io_fd_own(front->source, true);
        TAKE_FD(fd);
        (void) sd_event_source_set_description(front->source, "front");
        front->next = f->list;
        f->list = front;
        f->n++;
        return 0;
}

static bool may_connect(const Fronts *f, int fd) {
        struct ucred peer;
        socklen_t size = sizeof(peer);

        if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0)
                return false;
        if (peer.uid == 0 || peer.uid == geteuid() || (f->front_uid != (uid_t) -1 && peer.uid == f->front_uid))
                return true;
        log_warning("User %u may not be a front: refused.", (unsigned) peer.uid);
        return false;
}

static int on_connection(sd_event_source *s, int fd, uint32_t revents, void *userdata) {
        Fronts *f = userdata;

        _cleanup_close_ int connection = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (connection < 0) {
                if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
                        log_warning_errno(-errno, "Could not accept a front, waiting for another to go: %m");
                        (void) sd_event_source_set_enabled(f->listener, f->n > 0 ? SD_EVENT_OFF : SD_EVENT_ON);
                }
                return 0;
        }
        if (!may_connect(f, connection))
                return 0;
        int r = fronts_add(f, TAKE_FD(connection));
        if (r < 0)
                log_warning_errno(r, "Could not take one more front: %m");
        else
                log_info("Front %llu is connected.", (unsigned long long) f->last_number);
        return 0;
}

int fronts_listen(Fronts *f, int fd_taken) {
        _cleanup_close_ int fd = fd_taken;

        int r = sd_event_add_io(f->event, &f->listener, fd, EPOLLIN, on_connection, f);
        if (r < 0)
                return r;
        r = sd_event_source_set_io_fd_own(f->listener, true);
        if (r < 0)
                return r;
        TAKE_FD(fd);
        /* Want of descriptors may last: not to be told of it all the time. */
        r = sd_event_source_set_ratelimit(f->listener, FRONT_ACCEPT_USEC, FRONT_ACCEPT_BURST);
        return r < 0 ? r : sd_event_source_set_description(f->listener, "front-listener");
}

int fronts_new(sd_event *event, uid_t front_uid, FrontReceived received, void *userdata, Fronts **ret) {
        Fronts *f = calloc(1, sizeof(*f));
        if (!f)
                return -ENOMEM;
        *f = (Fronts) { .event = sd_event_ref(event), .front_uid = front_uid, .received = received,
                        .userdata = userdata };
        *ret = f;
        return 0;
}

Fronts *fronts_free(Fronts *f) {
        if (!f)
                return NULL;
        f->stopped = true;
        while (f->list)
                front_free(f->list);
        sd_event_source_disable_unref(f->listener);
        sd_event_unref(f->event);
        free(f);
        return NULL;
}

void fronts_answer(Fronts *f, uint64_t number, const FrontMessage *m) {
        for (Front *front = f->list; front; front = front->next)
                if (front->number == number) {
                        front->open--;
                        front_send(front, m);
                        return;
                }
}

void fronts_changed(Fronts *f) {
        const FrontMessage m = { .type = FRONT_CHANGED };

        for (Front *front = f->list; front; front = front->next)
                if (front->n_queued < FRONT_OPEN_MAX + FRONT_CHANGED_QUEUED_MAX)
                        front_send(front, &m);
                else
                        give_up(front);
}

void fronts_stop(Fronts *f) {
        f->stopped = true;
        f->listener = sd_event_source_disable_unref(f->listener);
        for (Front *front = f->list; front; front = front->next)
                watch(front);
}

bool fronts_connected(const Fronts *f) {
        return f->list;
}

bool fronts_idle(const Fronts *f) {
        for (const Front *front = f->list; front; front = front->next)
                if (front->open > 0 || front->first)
                        return false;
        return true;
}
