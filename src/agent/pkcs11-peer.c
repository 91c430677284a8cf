/* SPDX-License-Identifier: MIT */
#include "agent/pkcs11-peer.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>

#include "protocol/pkcs11-wire.h"

#define INPUT_MIN 4096U /* bytes: room for most frames; a longer one gets as much as it needs, up to its limit */

struct Pkcs11Peer {
        Pkcs11PeerContext context;
        int fd;
        uid_t uid;
        bool greeted, last, over; /* version byte answered; close when the output is written; close now */
        sd_event_source *io;
        Pkcs11Connection *connection;
        SignerRequest *request;
        uint8_t *input;
        size_t input_size, input_capacity;
        Bytes output;
        size_t written;
};

Pkcs11Peer *pkcs11_peer_free(Pkcs11Peer *p) {
        if (!p)
                return NULL;
        if (p->request)
                signer_forget(p->request);
        (void) sd_event_source_disable_unref(p->io);
        (void) pkcs11_connection_free(p->connection);
        if (p->input)
                explicit_bzero(p->input, p->input_capacity);
        free(p->input);
        bytes_erase(&p->output);
        if (p->fd >= 0)
                (void) close(p->fd);
        free(p);
        return NULL;
}

bool pkcs11_peer_greeted(const Pkcs11Peer *p) {
        return p->greeted;
}

int pkcs11_peer_fd(const Pkcs11Peer *p) {
        return p->fd;
}

/* --- Out --- */

static void flush(Pkcs11Peer *p) {
        while (p->written < p->output.size) {
                ssize_t n = send(p->fd, p->output.data + p->written, p->output.size - p->written,
                                 MSG_NOSIGNAL | MSG_DONTWAIT);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0) {
                        p->over = p->over || errno != EAGAIN;
                        return;
                }
                p->written += (size_t) n;
        }
        bytes_erase(&p->output);
        p->written = 0;
        p->over = p->over || p->last;
}

static void put(Pkcs11Peer *p, Bytes *reply) {
        bytes_erase(&p->output);
        p->output = TAKE_BYTES(*reply);
        p->written = 0;
        flush(p);
}

/* --- Operations --- */

static void step(Pkcs11Peer *p);

static void complete(Pkcs11Peer *p, const TokenResult *result) {
        _cleanup_bytes_erase_ Bytes reply = BYTES_NULL;

        p->request = NULL;
        if (pkcs11_connection_complete(p->connection, result, &reply) < 0)
                p->over = true;
        else
                put(p, &reply);
}

static void on_result(const TokenResult *result, void *userdata) {
        Pkcs11Peer *p = userdata;

        complete(p, result);
        step(p);
}

static void submit(Pkcs11Peer *p, const TokenOperation *o) {
        int r = signer_submit(p->context.signer, p->uid, o, on_result, p, &p->request);
        if (r < 0)
                complete(p, &(TokenResult) { .status = r == -EINVAL ? TOKEN_BAD_LENGTH : TOKEN_FAILED });
}

/* --- In --- */

static void drop_input(Pkcs11Peer *p, size_t n) {
        size_t rest = p->input_size - n;

        memmove(p->input, p->input + n, rest);
        explicit_bzero(p->input + rest, n);
        p->input_size = rest;
        if (p->input_capacity > INPUT_MIN && rest <= INPUT_MIN) {
                uint8_t *less = realloc(p->input, INPUT_MIN);
                if (less) {
                        p->input = less;
                        p->input_capacity = INPUT_MIN;
                }
        }
}

static int make_room(Pkcs11Peer *p, size_t size) {
        if (size <= p->input_capacity)
                return 0;
        uint8_t *more = realloc(p->input, size);
        if (!more)
                return -ENOMEM;
        p->input = more;
        p->input_capacity = size;
        return 0;
}

static int greet(Pkcs11Peer *p) {
        static const uint8_t version = PKCS11_VERSION;
        _cleanup_bytes_ Bytes reply = BYTES_NULL;

        int r = bytes_copy(VIEW(&version, 1), &reply);
        if (r < 0)
                return r;
        p->greeted = true;
        drop_input(p, 1); /* theirs: whatever it is, ours is the oldest */
        put(p, &reply);
        return 0;
}

static int handle(Pkcs11Peer *p, size_t frame_size) {
        _cleanup_(token_operation_erase) TokenOperation operation = {};
        _cleanup_bytes_erase_ Bytes reply = BYTES_NULL;
        Pkcs11Answer answer;

        int r = pkcs11_connection_handle(p->connection, VIEW(p->input, frame_size), time(NULL), &answer, &reply,
                                         &operation);
        if (r < 0)
                return r;
        drop_input(p, frame_size);
        if (answer == PKCS11_ANSWER_OPERATION)
                submit(p, &operation);
        else {
                p->last = answer == PKCS11_ANSWER_LAST;
                put(p, &reply);
        }
        return 0;
}

/* 1: something was done, 0: more input is needed. */
static int handle_next(Pkcs11Peer *p) {
        size_t size;

        if (p->input_size == 0)
                return 0;
        if (!p->greeted) {
                int r = greet(p);
                return r < 0 ? r : 1;
        }
        int r = pkcs11_frame_size(VIEW(p->input, p->input_size), &size);
        if (r == -EAGAIN)
                return 0;
        if (r < 0)
                return r;
        if (size > p->input_size)
                return make_room(p, size);
        r = handle(p, size);
        return r < 0 ? r : 1;
}

static bool waits(const Pkcs11Peer *p) {
        return p->over || p->last || p->request || p->output.size > 0;
}

/* Whatever can be done now; then the next thing to wait for. May free p. */
static void step(Pkcs11Peer *p) {
        int r = 1;

        while (r > 0 && !waits(p))
                r = handle_next(p);
        if (r >= 0 && !p->over) {
                uint32_t events = p->output.size > 0 ? EPOLLOUT : p->request ? 0 : EPOLLIN;
                r = sd_event_source_set_io_events(p->io, events);
        }
        if (r < 0 || p->over)
                p->context.gone(p, p->context.userdata);
}

static void receive(Pkcs11Peer *p) {
        if (make_room(p, INPUT_MIN) < 0) {
                p->over = true;
                return;
        }
        ssize_t n = recv(p->fd, p->input + p->input_size, p->input_capacity - p->input_size, MSG_DONTWAIT);
        if (n > 0)
                p->input_size += (size_t) n;
        else
                p->over = n == 0 || (errno != EAGAIN && errno != EINTR);
}

static int on_io(sd_event_source *s, int fd, uint32_t revents, void *userdata) {
        Pkcs11Peer *p = userdata;

        if (revents & EPOLLIN)
                receive(p);
        else if (revents & (EPOLLHUP | EPOLLERR))
                p->over = true;
        if (revents & EPOLLOUT)
                flush(p);
        step(p);
        return 0;
}

/* --- Beginning and end --- */

void pkcs11_peer_show(Pkcs11Peer *p, bool shown) {
        pkcs11_connection_show(p->connection, shown);
}

bool pkcs11_peer_settle(Pkcs11Peer *p) {
        if (p->request) {
                signer_forget(p->request);
                complete(p, &(TokenResult) { .status = TOKEN_FAILED });
        }
        flush(p);
        return !p->over && !p->last && p->output.size == 0 && p->input_size == 0;
}

int pkcs11_peer_new(const Pkcs11PeerContext *context, int fd, uid_t uid, bool greeted, Pkcs11Peer **ret) {
        _cleanup_(pkcs11_peer_freep) Pkcs11Peer *p = calloc(1, sizeof(*p));
        int r;

        if (!p) {
                (void) close(fd);
                return -ENOMEM;
        }
        p->context = *context;
        p->fd = fd;
        p->uid = uid;
        p->greeted = greeted;
        r = pkcs11_connection_new(context->token, false, &p->connection);
        if (r < 0)
                return r;
        r = sd_event_add_io(context->event, &p->io, fd, EPOLLIN, on_io, p);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(p);
        return 0;
}
