/* SPDX-License-Identifier: MIT */
#include "agent/pkcs11-socket.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <systemd/sd-daemon.h>

#include "agent/socket-file.h"
#include "shared/log.h"
#include "shared/metrics-socket.h"

#define LISTENERS_MAX 4U
#define ACCEPT_BATCH 16U              /* connections accepted in one turn of the loop */
#define REFUSAL_LOG_USEC 60000000ULL  /* one line for many refusals */
#define PAUSE_USEC 1000000ULL         /* when none can be accepted: no descriptor is left */

typedef struct Slot {
        Pkcs11Peer *peer; /* NULL: free */
        uid_t uid;
        TokenViewer viewer;
} Slot;

struct Pkcs11Socket {
        sd_event *event;
        Pkcs11Token *token;
        Signer *signer;
        const TokenAccess *access;
        int listeners[LISTENERS_MAX];
        sd_event_source *sources[LISTENERS_MAX];
        size_t n_listeners;
        sd_event_source *resume; /* listens again */
        SocketFile made;
        Slot slots[PKCS11_CONNECTIONS_MAX];
        uint64_t n_refused;
        uint64_t told_after; /* CLOCK_MONOTONIC: no line about refusals before */
};

Pkcs11Socket *pkcs11_socket_free(Pkcs11Socket *s) {
        if (!s)
                return NULL;
        for (size_t i = 0; i < s->n_listeners; i++) {
                (void) sd_event_source_disable_unref(s->sources[i]);
                (void) close(s->listeners[i]);
        }
        (void) sd_event_source_disable_unref(s->resume);
        socket_file_remove(&s->made);
        for (size_t i = 0; i < PKCS11_CONNECTIONS_MAX; i++)
                (void) pkcs11_peer_free(s->slots[i].peer);
        sd_event_unref(s->event);
        free(s);
        return NULL;
}

int pkcs11_socket_new(sd_event *event, Pkcs11Token *token, Signer *signer, const TokenAccess *access,
                      Pkcs11Socket **ret) {
        Pkcs11Socket *s = calloc(1, sizeof(*s));
        if (!s)
                return -ENOMEM;
        s->made = SOCKET_FILE_NULL;
        s->event = sd_event_ref(event);
        s->token = token;
        s->signer = signer;
        s->access = access;
        *ret = s;
        return 0;
}

/* --- Clients --- */

static void on_gone(Pkcs11Peer *p, void *userdata) {
        Pkcs11Socket *s = userdata;

        for (size_t i = 0; i < PKCS11_CONNECTIONS_MAX; i++)
                if (s->slots[i].peer == p)
                        s->slots[i].peer = NULL;
        (void) pkcs11_peer_free(p);
}

/* NULL: no more for this user, for strangers or members (who may have as many uids as they like, with subordinate
 * ones), or in all. */
static Slot *find_slot(Pkcs11Socket *s, uid_t uid, TokenViewer viewer) {
        static const size_t max[] = {
                [VIEWER_STRANGER] = PKCS11_STRANGERS_MAX,
                [VIEWER_MEMBER] = PKCS11_MEMBERS_MAX,
                [VIEWER_USER] = PKCS11_CONNECTIONS_MAX,
        };
        Slot *free_slot = NULL;
        size_t n = 0, n_alike = 0;

        for (size_t i = 0; i < PKCS11_CONNECTIONS_MAX; i++) {
                Slot *slot = s->slots + i;
                if (!slot->peer)
                        free_slot = free_slot ?: slot;
                else {
                        n += slot->uid == uid;
                        n_alike += slot->viewer == viewer;
                }
        }
        return n < PKCS11_CONNECTIONS_UID_MAX && n_alike < max[viewer] ? free_slot : NULL;
}

static void tell_refusal(Pkcs11Socket *s, uid_t uid) {
        uint64_t now = 0;

        s->n_refused++;
        (void) sd_event_now(s->event, CLOCK_MONOTONIC, &now);
        if (now < s->told_after)
                return;
        s->told_after = now + REFUSAL_LOG_USEC;
        log_warning("A connection of user %u to the PKCS#11 socket is refused: there are too many (limits: %u of a user, "
                    "%u of those who do not see the token, %u of those who see it by a group, %u in all).",
                    (unsigned) uid, PKCS11_CONNECTIONS_UID_MAX, PKCS11_STRANGERS_MAX, PKCS11_MEMBERS_MAX,
                    PKCS11_CONNECTIONS_MAX);
}

/* Takes fd. */
static int add_peer(Pkcs11Socket *s, int fd, bool greeted) {
        const Pkcs11PeerContext context = {
                .event = s->event, .token = s->token, .signer = s->signer, .gone = on_gone, .userdata = s,
        };
        struct ucred peer;
        socklen_t size = sizeof(peer);

        if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0) {
                int r = -errno;
                (void) close(fd);
                return r;
        }
        TokenViewer viewer = token_access_look(s->access, fd, peer.uid);
        Slot *slot = find_slot(s, peer.uid, viewer);
        if (!slot) {
                tell_refusal(s, peer.uid);
                (void) close(fd);
                return -EUSERS;
        }
        slot->uid = peer.uid;
        slot->viewer = viewer;
        int r = pkcs11_peer_new(&context, fd, peer.uid, greeted, &slot->peer);
        if (r >= 0)
                pkcs11_peer_show(slot->peer, viewer != VIEWER_STRANGER);
        return r;
}

void pkcs11_socket_look_again(Pkcs11Socket *s) {
        for (size_t i = 0; i < PKCS11_CONNECTIONS_MAX; i++) {
                Slot *slot = s->slots + i;
                if (!slot->peer)
                        continue;
                slot->viewer = token_access_look(s->access, pkcs11_peer_fd(slot->peer), slot->uid);
                pkcs11_peer_show(slot->peer, slot->viewer != VIEWER_STRANGER);
        }
}

static int on_resume(sd_event_source *timer, uint64_t usec, void *userdata) {
        Pkcs11Socket *s = userdata;

        for (size_t i = 0; i < s->n_listeners; i++)
                (void) sd_event_source_set_enabled(s->sources[i], SD_EVENT_ON);
        return 0;
}

/* Who waits to be accepted keeps the socket readable: without a pause the loop would do nothing else. */
static int pause_listening(Pkcs11Socket *s, int error) {
        int r;

        log_warning_errno(error, "A client of the PKCS#11 socket cannot be accepted now: %m");
        s->resume = sd_event_source_disable_unref(s->resume);
        r = sd_event_add_time_relative(s->event, &s->resume, CLOCK_BOOTTIME, PAUSE_USEC, 0, on_resume, s);
        for (size_t i = 0; r >= 0 && i < s->n_listeners; i++)
                r = sd_event_source_set_enabled(s->sources[i], SD_EVENT_OFF);
        return r;
}

static int on_connect(sd_event_source *source, int listener, uint32_t revents, void *userdata) {
        Pkcs11Socket *s = userdata;

        for (size_t i = 0; i < ACCEPT_BATCH; i++) {
                int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
                if (fd >= 0)
                        (void) add_peer(s, fd, false);
                else if (errno == EAGAIN)
                        return 0;
                else if (errno != ECONNABORTED && errno != EINTR)
                        return pause_listening(s, -errno);
        }
        return 0;
}

/* --- Listening --- */

/* Takes fd. */
static int add_listener(Pkcs11Socket *s, int fd) {
        int r;

        if (s->n_listeners == LISTENERS_MAX) {
                (void) close(fd);
                return -ENOBUFS;
        }
        r = sd_event_add_io(s->event, &s->sources[s->n_listeners], fd, EPOLLIN, on_connect, s);
        if (r < 0) {
                (void) close(fd);
                return r;
        }
        s->listeners[s->n_listeners++] = fd;
        return 0;
}

static int prepare_fd(int fd) {
        int flags = fcntl(fd, F_GETFL);
        return flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 || fcntl(fd, F_SETFD, FD_CLOEXEC) < 0 ? -errno : 0;
}

static void take_fd(Pkcs11Socket *s, int fd, const char *name, unsigned *n_listening, unsigned *n_connections) {
        if (sd_is_socket(fd, AF_UNIX, SOCK_STREAM, -1) <= 0 || prepare_fd(fd) < 0) {
                log_warning("Descriptor %d from the service manager is no local stream socket: ignored.", fd);
                (void) close(fd);
        } else if (sd_is_socket(fd, AF_UNIX, SOCK_STREAM, 1) > 0)
                *n_listening += add_listener(s, fd) >= 0;
        else
                *n_connections += add_peer(s, fd, strcmp(name, PKCS11_STORE_NAME_NEW) != 0) >= 0;
}

int pkcs11_socket_take_fds(Pkcs11Socket *s) {
        unsigned n_listening = 0, n_connections = 0;
        char **names = NULL;

        int n = sd_listen_fds_with_names(true, &names);
        for (int i = 0; i < n; i++) {
                if (strcmp(names[i], METRICS_SOCKET_NAME) != 0)
                        take_fd(s, SD_LISTEN_FDS_START + i, names[i], &n_listening, &n_connections);
                free(names[i]);
        }
        free(names);
        /* The manager must not keep what is ours now: a client would not see it when we close. */
        (void) sd_notify(false, "FDSTOREREMOVE=1\nFDNAME=" PKCS11_STORE_NAME);
        (void) sd_notify(false, "FDSTOREREMOVE=1\nFDNAME=" PKCS11_STORE_NAME_NEW);
        if (n_connections > 0)
                log_info("Going on with %u connections of programs that use the token.", n_connections);
        return (int) n_listening;
}

int pkcs11_socket_make(Pkcs11Socket *s, const char *path) {
        int fd = socket_file_make(path, &s->made);
        return fd < 0 ? fd : add_listener(s, fd);
}

Pkcs11SocketCounts pkcs11_socket_counts(const Pkcs11Socket *s) {
        Pkcs11SocketCounts c = { .refused = s->n_refused };

        for (size_t i = 0; i < PKCS11_CONNECTIONS_MAX; i++)
                c.open += s->slots[i].peer != NULL;
        return c;
}

bool pkcs11_socket_in_use(const Pkcs11Socket *s) {
        for (size_t i = 0; i < PKCS11_CONNECTIONS_MAX; i++)
                if (s->slots[i].peer)
                        return true;
        return false;
}

/* --- Restart --- */

void pkcs11_socket_store(Pkcs11Socket *s) {
        for (size_t i = 0; i < PKCS11_CONNECTIONS_MAX; i++) {
                Pkcs11Peer *p = s->slots[i].peer;
                if (!p || !pkcs11_peer_settle(p))
                        continue;
                int fd = pkcs11_peer_fd(p);
                int r = sd_pid_notify_with_fds(0, false, pkcs11_peer_greeted(p) ?
                                               "FDSTORE=1\nFDNAME=" PKCS11_STORE_NAME :
                                               "FDSTORE=1\nFDNAME=" PKCS11_STORE_NAME_NEW, &fd, 1);
                if (r == 0)
                        return; /* nobody keeps descriptors here */
                if (r < 0)
                        log_warning_errno(r, "A connection cannot be kept over a restart: %m");
        }
}
