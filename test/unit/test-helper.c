/* SPDX-License-Identifier: MIT */
/* The children are this program again: argv[1] says what they do. */
#include "shared/helper.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "test.h"

#define PATIENCE_USEC (10ULL * 1000 * 1000)

typedef struct Seen {
        sd_event *event;
        unsigned messages, ends;
        size_t last_size;
        char last[64], how[160];
        bool free_at_message, free_at_end, stop_at_message;
} Seen;

/* --- What the children do --- */

static int child_main(int argc, char **argv) {
        static uint8_t buffer[HELPER_MESSAGE_MAX + 1];
        const char *what = argv[1];

        if (strcmp(what, "echo") == 0) {
                for (;;) {
                        ssize_t n = recv(HELPER_FD, buffer, sizeof(buffer), 0);
                        if (n <= 0)
                                return 0;
                        if (send(HELPER_FD, buffer, (size_t) n, 0) != n)
                                return 1;
                }
        }
        if (strcmp(what, "burst") == 0) {
                for (int i = 0; i < 10; i++)
                        if (send(HELPER_FD, "x", 1, 0) != 1)
                                return 1;
                return 7;
        }
        if (strcmp(what, "long") == 0)
                return send(HELPER_FD, buffer, sizeof(buffer), 0) > 0 ? pause() : 1;
        if (strcmp(what, "close") == 0)
                return close(HELPER_FD) < 0 ? 1 : pause();
        if (strcmp(what, "abort") == 0)
                return raise(SIGKILL);
        if (strcmp(what, "descriptors") == 0) {
                /* 3 the socket, 4 what was given, nothing else; no signal blocked */
                sigset_t set;
                char c;
                check_int(sigprocmask(SIG_BLOCK, NULL, &set), 0);
                check(!sigismember(&set, SIGTERM));
                check(!getenv("NOTIFY_SOCKET"));
                check_int(read(4, &c, 1), 1);
                check_int(c, 'k');
                for (int fd = 5; fd < 256; fd++)
                        check(fcntl(fd, F_GETFD) < 0);
                return 0;
        }
        if (strcmp(what, "slow") == 0) {
                (void) usleep(200 * 1000);
                for (unsigned n = 0; n < 60; n++)
                        if (recv(HELPER_FD, buffer, sizeof(buffer), 0) <= 0)
                                return 1;
                (void) send(HELPER_FD, "all", 3, 0);
                return 0;
        }
        return 99;
}

/* --- What we see --- */

static void on_message(Helper *h, ByteView packet, void *userdata) {
        Seen *s = userdata;

        check_int(s->ends, 0);
        s->messages++;
        s->last_size = packet.size;
        memcpy(s->last, packet.data, MIN_OF(packet.size, sizeof(s->last) - 1));
        if (s->free_at_message)
                (void) helper_free(h);
        if (s->free_at_message || s->stop_at_message)
                (void) sd_event_exit(s->event, 0);
}

static void on_gone(Helper *h, const char *how, void *userdata) {
        Seen *s = userdata;

        s->ends++;
        (void) snprintf(s->how, sizeof(s->how), "%s", how);
        if (s->free_at_end)
                (void) helper_free(h);
        (void) sd_event_exit(s->event, 0);
}

static const HelperCallbacks callbacks = { .message = on_message, .gone = on_gone };

static int out_of_patience(sd_event_source *s, uint64_t usec, void *userdata) {
        check(!"waited long enough");
        return 0;
}

static void seen_start(Seen *s) {
        *s = (Seen) {};
        check(sd_event_new(&s->event) >= 0);
        check(sd_event_add_time_relative(s->event, NULL, CLOCK_MONOTONIC, PATIENCE_USEC, 0, out_of_patience, NULL) >= 0);
}

static void seen_end(Seen *s) {
        s->event = sd_event_unref(s->event);
}

static void start(Seen *s, const char *what, Helper **ret) {
        char *argv[] = { (char *) "/proc/self/exe", (char *) what, NULL };

        seen_start(s);
        check_int(helper_spawn(argv, NULL, 0, s->event, &callbacks, s, ret), 0);
        check(helper_pid(*ret) > 0);
}

static void test_how(const char *what, unsigned messages, const char *how) {
        Seen s;
        Helper *h;

        start(&s, what, &h);
        check_int(sd_event_loop(s.event), 0);
        check_int(s.messages, messages);
        check_int(s.ends, 1);
        check_str(s.how, how);
        check_int(helper_send(h, VIEW_STR("x")), -EPIPE);
        check(!helper_free(h));
        seen_end(&s);
}

static void test_echo(void) {
        static uint8_t big[HELPER_MESSAGE_MAX];
        Seen s;
        Helper *h;

        start(&s, "echo", &h);
        s.stop_at_message = true;
        check_int(helper_send(h, VIEW_NULL), -EMSGSIZE);
        check_int(helper_send(h, VIEW(big, sizeof(big) + 1)), -EMSGSIZE);
        check_int(helper_send(h, VIEW_ARRAY(big)), 0);
        check_int(sd_event_loop(s.event), 0);
        check_int(s.last_size, HELPER_MESSAGE_MAX);
        (void) helper_free(h);
        seen_end(&s);
        check(waitpid(-1, NULL, 0) > 0); /* the loop ended before it could */
}

static void test_free_inside(void) {
        Seen s;
        Helper *h;

        start(&s, "burst", &h);
        s.free_at_message = true;
        check_int(sd_event_loop(s.event), 0);
        check_int(s.messages, 1);
        check_int(s.ends, 0);
        seen_end(&s);
        check(waitpid(-1, NULL, 0) > 0);

        start(&s, "burst", &h);
        s.free_at_end = true;
        check_int(sd_event_loop(s.event), 0);
        check_int(s.messages, 10);
        check_int(s.ends, 1);
        seen_end(&s);
        check(waitpid(-1, NULL, 0) < 0 && errno == ECHILD);
}

/* A child that is still there when its Helper is freed is ended and reaped by the loop. */
static void test_reaped_later(void) {
        Seen s;
        Helper *h;

        start(&s, "close", &h);
        pid_t pid = helper_pid(h);
        (void) helper_free(h);
        for (int i = 0; i < 100 && kill(pid, 0) >= 0; i++)
                check(sd_event_run(s.event, 100 * 1000) >= 0);
        check(waitpid(-1, NULL, 0) < 0 && errno == ECHILD);
        seen_end(&s);
}

static void test_queue(void) {
        static const uint8_t packet[16 * 1024];
        Seen s;
        Helper *h;
        unsigned sent = 0;
        int r;

        start(&s, "slow", &h);
        check_int(helper_send(h, VIEW_STR("first")), 0);
        sent++;
        helper_set_queue(h, 3);
        while ((r = helper_send(h, VIEW_ARRAY(packet))) >= 0)
                sent++;
        check_int(r, -ENOBUFS);
        check(sent < 60);
        helper_set_queue(h, 60);
        for (; sent < 60; sent++)
                check_int(helper_send(h, VIEW_ARRAY(packet)), 0);
        check_int(sd_event_loop(s.event), 0);
        check_str(s.last, "all");
        check_str(s.how, "it exited with status 0");
        (void) helper_free(h);
        seen_end(&s);
}

static void test_descriptors(void) {
        char *argv[] = { (char *) "/proc/self/exe", (char *) "descriptors", NULL };
        char *missing[] = { (char *) "/nonexistent/program", NULL };
        int p[2], stray = fcntl(STDERR_FILENO, F_DUPFD, 40);
        sigset_t block, old;
        Seen s;
        Helper *h = NULL;

        check(stray >= 0);
        check_int(pipe(p), 0);
        check_int(write(p[1], "k", 1), 1);
        (void) sigemptyset(&block);
        (void) sigaddset(&block, SIGTERM);
        check_int(sigprocmask(SIG_BLOCK, &block, &old), 0);
        check_int(setenv("NOTIFY_SOCKET", "/x", 1), 0);

        seen_start(&s);
        check_int(helper_spawn(missing, NULL, 0, s.event, &callbacks, &s, &h), -ENOENT);
        check(!h);
        check_int(helper_spawn(argv, p, 1, s.event, &callbacks, &s, &h), 0);
        check_int(sd_event_loop(s.event), 0);
        check_str(s.how, "it exited with status 0");
        (void) helper_free(h);
        seen_end(&s);

        check_int(sigprocmask(SIG_SETMASK, &old, NULL), 0);
        (void) close(stray);
        (void) close(p[0]);
        (void) close(p[1]);
}

static void test_connect(void) {
        char dir[] = "/tmp/test-helper.XXXXXX";
        struct sockaddr_un sa = { .sun_family = AF_UNIX };
        Seen s;
        Helper *h = NULL;
        char buffer[16];

        check(mkdtemp(dir));
        check(snprintf(sa.sun_path, sizeof(sa.sun_path), "%s/socket", dir) > 0);
        seen_start(&s);
        check_int(helper_connect(sa.sun_path, s.event, &callbacks, &s, &h), -ENOENT);

        int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
        check_int(bind(fd, (const struct sockaddr *) &sa, sizeof(sa)), 0);
        check_int(listen(fd, 1), 0);
        check_int(helper_connect(sa.sun_path, s.event, &callbacks, &s, &h), 0);
        check_int(helper_pid(h), 0);
        int peer = accept(fd, NULL, NULL);
        check(peer >= 0);
        check_int(helper_send(h, VIEW_STR("hello")), 0);
        check_int(recv(peer, buffer, sizeof(buffer), 0), 5);
        check_int(send(peer, "", 0, 0), 0); /* reads like an end */
        check_int(sd_event_loop(s.event), 0);
        check_str(s.how, "it closed the connection");
        (void) helper_free(h);
        seen_end(&s);

        (void) close(peer);
        (void) close(fd);
        (void) unlink(sa.sun_path);
        (void) rmdir(dir);
}

static void test_program_path(void) {
        char *path = NULL;

        check_int(helper_program_path("test-helper", &path), 0);
        check_int(access(path, X_OK), 0);
        free(path);
        check_int(helper_program_path("no-such-program", &path), 0);
        check_str(path, ATTEZT_LIBEXECDIR "/no-such-program");
        free(path);
}

int main(int argc, char **argv) {
        if (argc > 1)
                return child_main(argc, argv);

        test_program_path();
        test_descriptors();
        test_echo();
        test_free_inside();
        test_reaped_later();
        test_queue();
        test_how("burst", 10, "it exited with status 7");
        test_how("abort", 0, "it was killed by signal KILL");
        test_how("long", 0, "it sent a message that is too long");
        test_how("close", 0, "it closed the connection without an end");
        test_connect();
        return EXIT_SUCCESS;
}
